"""Commands that train, judge and use a forecast."""
