"""How good a translation is: scores with their signatures, and what can be said about a difference."""
