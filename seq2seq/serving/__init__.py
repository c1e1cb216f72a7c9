"""Talking with a translator: a line in, its translation out."""
