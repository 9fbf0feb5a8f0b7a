"""A simulated fleet, to try Nodeward without own records (docs/simulator.md); real records are data/sources."""
