"""The users: what they begin and send, and how an answer is judged."""
