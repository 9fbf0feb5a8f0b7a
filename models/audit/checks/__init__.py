"""One trap in the records a module, each with its figure; what several of them need is models/audit."""
