"""What a run means: readers, assessment, renderers, templates. Reads files only."""
