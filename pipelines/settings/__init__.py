"""Settings: TOML, environment, --set; the objects that are built from them are in pipelines/wiring."""
