"""What would make a forecast look better than it is: material, statistics and the run of all checks."""
