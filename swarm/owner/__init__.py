"""The process that a run belongs to: the local runner's, or the master."""
