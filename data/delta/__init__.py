"""Delta Lake tables and the rollup of telemetry into buckets; small transactional records are in data/sql."""
