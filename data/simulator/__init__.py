"""A simulated fleet, for trying Nodeward without records of one's own; docs/simulator.md says how it was set."""
