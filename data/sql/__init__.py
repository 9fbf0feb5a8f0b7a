"""Events, inventory, published scores and decisions in SQLite or PostgreSQL; telemetry and buckets are data/delta."""
