"""Retention, backup and restore of a whole state; its tables are in data/delta and data/sql."""
