"""Public failure records in the form in which they are published; sources of a site's records are in data/sources."""
