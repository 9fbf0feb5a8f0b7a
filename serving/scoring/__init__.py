"""Scores of a fleet by one model, and what can be said of nodes without one; reasons are serving/explanation."""
