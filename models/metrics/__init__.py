"""Measures of a forecast and estimates with bootstrap intervals, from arrays; which rows count: models/evaluation."""
