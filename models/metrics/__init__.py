"""Point metrics and estimates with bootstrap intervals, from arrays; which rows count is models/evaluation."""
