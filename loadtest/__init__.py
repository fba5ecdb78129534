"""The command: embedded stack, sequence of journeys, sub-commands; thin, no logic of its own."""
