"""Sentence pairs: where they come from, which are kept, and how they are split."""
