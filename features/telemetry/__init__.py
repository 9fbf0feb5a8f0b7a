"""Windows over buckets of metrics, and peers at the same time; events are features/events."""
