"""Recipes: typed settings, read from TOML, checked without torch, written back with their reasons."""
