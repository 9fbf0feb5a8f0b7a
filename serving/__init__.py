"""What to do about it: scores, reasons, decisions and the actuators that carry them out; training is models/."""
