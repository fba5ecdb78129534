"""What the suite adds to Locust's web UI."""
