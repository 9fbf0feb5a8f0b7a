"""Which nodes are present, at risk or down, and what was known when; shared by features/*, defines no feature."""
