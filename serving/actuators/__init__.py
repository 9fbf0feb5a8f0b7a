"""How a decision reaches a scheduler: one module a kind."""
