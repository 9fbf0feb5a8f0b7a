"""How a decision reaches a scheduler: one module per actuator, the contract in base.py; decisions: serving/policy."""
