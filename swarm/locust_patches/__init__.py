"""What the suite changes in Locust."""
