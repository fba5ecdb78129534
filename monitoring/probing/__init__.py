"""What the portal, its database and this machine say of themselves, before a run and beside it."""
