"""The values that the report shows; how they are drawn is in charts."""
