"""Commands that train, evaluate and use a model."""
