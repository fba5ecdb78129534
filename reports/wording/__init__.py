"""How figures and sentences are written, in every output."""
