"""The HTTP client of the users: connections, requests, and answers of limited size."""
