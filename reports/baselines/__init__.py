"""A run compared with earlier ones."""
