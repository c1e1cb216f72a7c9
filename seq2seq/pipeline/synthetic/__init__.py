"""backtranslate and distill: pairs of which a model writes one side."""
