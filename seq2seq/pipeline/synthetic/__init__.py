"""backtranslate and distill: sentence pairs of which a model writes one side, and the run that is prepared with them.

All of it lies as text in the new run's folder `text/`: the pairs of the run that it is made of, corpus by corpus, its
development and test set, and the synthetic pairs. The new run's recipe names these files, and it is prepared like any
other run; what is taken over is the vocabulary. The work is done in steps, each into a file of its own that is whole or
absent: what an interruption leaves is gone on with, and what was translated from the same text is not translated again.

    selected    text worth translating, normalised: each sentence once, none of a held-out set, none too long
    written     what the model makes of it, line by line
    source and target
                the pairs that are left when `Sieve` has looked at both sides

`place` says where a run may be made; `selecting`, `writing` and `sieving` are the steps; `corpora`, `settings` and
`pacing` say what the new run takes over and how long it trains; `preparing` ends it.

Memory grows by 8 bytes a sentence (16 for moments), whatever a sentence is long.
"""
