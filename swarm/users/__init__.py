"""One user: what it begins, what it sends, and how an answer is judged."""
