"""What to do about it: scores, policy, limits and the actuators that carry decisions out."""
