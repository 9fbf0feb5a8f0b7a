"""The hazard model: trees, linear model, calibration, how they are trained; what is kept of it is models/registry."""
