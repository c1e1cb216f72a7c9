"""What a person must know of a corpus before training on it: one examination a file, listed in `table`."""
