"""Scores of a fleet by one model, and why a node has no score or low support; other reasons: serving/explanation."""
