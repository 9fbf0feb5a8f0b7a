"""Commands that train, evaluate and use a model; those about its records are in commands/records."""
