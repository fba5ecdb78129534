"""The reference portal: real HTTP and real Postgres with pgvector, the LLM simulated."""

READY = "Portal ready on "
"""Beginning of the line that the portal prints once it accepts requests; the portal's address follows."""
