"""The catalogue run over rows: history in batch.py, a live fleet in online.py; features stand in features/catalogue."""
