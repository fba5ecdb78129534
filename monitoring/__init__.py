"""What is observed: measurements, process memory."""
