"""The load: what happens between Locust and a user class."""
