"""The work of each command, as functions of the settings; long studies are pipelines/analysis."""
