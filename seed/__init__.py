"""What exists before the load: schema, Longview Park, chunks and vectors, QR tokens, JWTs, the fixture."""
