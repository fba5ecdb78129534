"""What Locust loads and an engineer edits: one user class per journey."""
