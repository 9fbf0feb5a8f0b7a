"""What runs: settings, wiring, operations, flows, commands; the computations are in the packages below."""
