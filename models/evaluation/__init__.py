"""The protocol: alarms, episodes, lead times, calibration by horizon; the formulas are in models/metrics."""
