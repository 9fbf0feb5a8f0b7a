"""What the sensors of simulated nodes report; data/simulator/history decides why nodes fail."""
