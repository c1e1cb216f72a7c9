"""evaluate, score and tune: how good translations are, and which search is best."""
