"""What happens to simulated nodes: layout, jobs, failures; what sensors report of it is data/simulator/signals."""
