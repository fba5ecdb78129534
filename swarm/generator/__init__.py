"""One process that makes load."""
