"""What vector search asks PostgreSQL with: a pool of connections, and production's query."""
