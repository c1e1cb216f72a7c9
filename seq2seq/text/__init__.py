"""Strings and ids: normalising text, and turning it into the ids of a vocabulary and back."""
