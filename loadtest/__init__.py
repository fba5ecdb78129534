"""The command: embedded stack, sequence of journeys, sub-commands; a thin layer without logic of its own."""
