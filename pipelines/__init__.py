"""Runs Nodeward: settings, wiring, operations, flows and commands; the computations are in the packages below."""
