"""Engines: what computes the steps of a search. Here torch; others answer to the same protocol."""
