"""The reference portal: real HTTP and real Postgres with pgvector, the LLM simulated."""

READY = "Portal ready on "
"""How the line begins that the portal prints once it accepts requests; its address follows."""
