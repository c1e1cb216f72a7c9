"""Composition roots: what each command does, from files to files."""
