"""What the sensors of simulated nodes report; why a node fails is data/simulator/history."""
