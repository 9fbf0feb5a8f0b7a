"""Checks of names, cells and rows, and their corrections; data/ingest decides what happens with invalid ones."""
