"""Moves records from a source into the state: checks, merges and quarantines them; data/readers reads the files."""
