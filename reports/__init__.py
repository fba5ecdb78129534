"""What it means: readers of a run directory, assessment, advice, and the renderers of one record."""
