"""Where records come from: one module a kind of source, the contract in base.py; file formats are data/readers."""
