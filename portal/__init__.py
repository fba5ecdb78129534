"""The reference portal: real HTTP and real Postgres with pgvector, the LLM simulated."""
