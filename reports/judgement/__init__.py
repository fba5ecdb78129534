"""From values to findings and problems."""
