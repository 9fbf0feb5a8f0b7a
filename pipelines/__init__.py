"""How the packages run: settings, wiring, flows and the command line."""
