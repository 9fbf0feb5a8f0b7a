"""Commands that decide what is done to nodes."""
