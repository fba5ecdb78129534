"""The HTTP client of the users: connections, requests, answers within limits."""
