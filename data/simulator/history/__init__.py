"""What happens to simulated nodes: layout, jobs, failures; data/simulator/signals computes what sensors report."""
