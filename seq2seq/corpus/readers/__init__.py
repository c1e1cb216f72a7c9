"""Readers: one kind of source of sentence pairs a file; the registry lists them."""
