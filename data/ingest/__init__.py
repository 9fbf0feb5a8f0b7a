"""From a source into the state: checked, merged, quarantined; files are read in data/readers."""
