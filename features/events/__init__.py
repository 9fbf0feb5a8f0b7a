"""Counts and rates from the event history of nodes and their neighbours; telemetry is features/telemetry."""
