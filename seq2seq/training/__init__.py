"""Training: the loop, and what it is made of. Knows no vocabulary and no metric."""
