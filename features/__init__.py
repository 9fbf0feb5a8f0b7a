"""What a node looked like at a cutoff time, from what was known then."""
