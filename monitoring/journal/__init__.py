"""Errors and times as JSON lines that lose nothing: written by many processes, read while they write."""
