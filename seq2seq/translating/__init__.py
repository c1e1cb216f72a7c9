"""From lines of text to their translations: what is asked for, cut into jobs, searched in batches, and put together."""
