"""The load: user classes, and the private modules they share."""
