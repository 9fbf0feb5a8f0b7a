"""The operation behind each command, as a function of the settings; long studies are in pipelines/analysis."""
