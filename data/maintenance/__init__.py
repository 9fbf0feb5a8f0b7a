"""Retention, backup and restore of a whole state; the tables themselves are in data/delta and data/sql."""
