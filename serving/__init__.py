"""From models to action: scores, reasons, decisions and the actuators that carry them out; training is in models/."""
