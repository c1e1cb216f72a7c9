"""Where a translator goes wrong: flagged sentences, scores by group, and the words it gets wrong; one file a question.

`diagnose` asks them all. Nothing here knows a model: it compares sources, outputs and references, and where the
training text is at hand what that says of the words.
"""
