"""What the portal, its database and this machine report about themselves, before and during a run."""
