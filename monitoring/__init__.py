"""What is observed: measurements, process memory, errors and times."""
