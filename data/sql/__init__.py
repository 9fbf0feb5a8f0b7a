"""Events, inventory, published scores and decisions in SQL; telemetry and buckets are in data/delta."""
