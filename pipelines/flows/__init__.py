"""Runs operations as Prefect flows; the operations themselves are in pipelines/operations."""
