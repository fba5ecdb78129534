"""From findings to what to do next."""
