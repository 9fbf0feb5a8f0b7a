"""What each command prints on a terminal; the values are in pipelines/output."""
