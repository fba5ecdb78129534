"""What a run means: readers of its directory, assessment, advice, and the renderers of one record."""
