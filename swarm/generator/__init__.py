"""The process that makes load."""
