"""Windows over buckets of metrics, and comparisons with peers at the same time; events are features/events."""
