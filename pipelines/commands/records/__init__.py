"""Commands about records: bring in, look at, make up, keep in order."""
