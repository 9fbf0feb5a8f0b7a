"""Features of nodes at a cutoff, computed from what was known then; models that use them are in models/."""
