"""What would make a forecast look better than it is: one test of the records a module, each with its figure."""
