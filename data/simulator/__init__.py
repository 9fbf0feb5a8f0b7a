"""A simulated fleet, to try Nodeward without real records (docs/simulator.md); real records come from data/sources."""
