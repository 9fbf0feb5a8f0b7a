"""Public failure records in the form in which they are published; a site's own records are data/sources."""
