"""What a node's future looks like: hazards trained, calibrated, judged, registered; what to do about it is serving/."""
