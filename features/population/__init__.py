"""Who is there, at risk or down, and what was known when: lookups for all rooms here; no feature is defined here."""
