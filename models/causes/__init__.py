"""Which cause a coming failure would likely have; whether it comes is models/hazard."""
