"""Parquet and CSV files as typed frames, with errors that name the fault; data/sources knows which files there are."""
