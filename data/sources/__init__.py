"""Sources of records: one module for each kind, and the contract in base.py; file formats are in data/readers."""
