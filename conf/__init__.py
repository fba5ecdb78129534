"""What is configured: typed settings, contracts of the portals under test, load profiles, thresholds."""
