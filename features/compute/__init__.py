"""Computes the catalogue: of history in batch.py, of a live fleet in online.py; features/catalogue lists features."""
