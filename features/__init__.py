"""What a node looked like at a cutoff, from what was known then; what becomes of it is models/."""
