"""The hazard model: trees, line, calibration, how they are trained; what is kept of it is models/registry."""
