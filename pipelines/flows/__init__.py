"""Prefect, and nothing else of it: the work itself is pipelines/operations."""
