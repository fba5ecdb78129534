"""Cleans what leaves a process: no secrets, no control characters for a terminal; a closed pipe changes no exit code."""
