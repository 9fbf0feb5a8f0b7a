"""What would make a forecast look better than it is: the material, the statistics, and the run of all checks."""
