"""The cause that a coming failure would likely have; whether it comes is models/hazard."""
