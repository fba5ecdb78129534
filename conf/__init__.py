"""What was decided: typed settings, contracts of the portals under test, load profiles, thresholds."""
