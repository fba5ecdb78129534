"""A run directory's files as typed values."""
