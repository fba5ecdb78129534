"""The process that owns the runs: the local runner, or the master."""
