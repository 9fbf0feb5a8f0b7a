"""From settings to objects; only wiring.py chooses implementations."""
