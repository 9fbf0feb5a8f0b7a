"""Settings: TOML, environment, --set; what is made of them is pipelines/wiring."""
