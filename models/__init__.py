"""What a node's future looks like: hazards learned, calibrated, judged and registered."""
