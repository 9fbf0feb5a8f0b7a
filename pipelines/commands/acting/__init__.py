"""Commands that decide what is done to nodes; those that only forecast are in commands/forecast."""
