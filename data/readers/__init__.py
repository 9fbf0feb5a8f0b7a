"""Parquet and CSV files as typed frames, their faults named; which files a source has is data/sources."""
