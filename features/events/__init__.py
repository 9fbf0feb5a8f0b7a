"""What the event history of a node says: counts, rates, neighbours; telemetry is features/telemetry."""
