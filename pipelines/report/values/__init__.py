"""What the report shows, as values; how it is drawn is charts."""
