"""The grammar of the phrasebook: one family of sentences a file, each a table of `RULES`."""
