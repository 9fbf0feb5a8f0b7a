"""How a decision reaches a scheduler: one module an actuator, the contract in base.py; what to do is serving/policy."""
