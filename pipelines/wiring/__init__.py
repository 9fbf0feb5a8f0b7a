"""Builds objects from settings; only wiring.py chooses implementations."""
