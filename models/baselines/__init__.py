"""The protocol's fixed baselines, one a module; the model itself is models/hazard."""
