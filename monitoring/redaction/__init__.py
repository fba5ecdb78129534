"""What leaves a process: no secret, nothing that steers a terminal, and no exit code changed by a closed pipe."""
