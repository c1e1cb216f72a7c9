"""prepare and inspect: from raw text to a run folder that is ready to train."""
