"""Vector search in PostgreSQL: a pool of connections, and production's query."""
