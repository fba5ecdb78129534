"""Errors and times as JSON lines, without loss: many processes write them, and they can be read meanwhile."""
