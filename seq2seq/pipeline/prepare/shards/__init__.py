"""A corpus prepared in shards, on as many machines as there are, and merged into the run that one machine would make.

Shard i of n reads every file, but decodes, normalises, filters and hashes only each n-th block of 4,096 pairs. What it
keeps is what a single run keeps before duplicates are looked for. Merging finds the duplicates of all shards together,
in 256 ranges of their fingerprints one after the other, goes through the shards' blocks in the order of the corpus, and
from there on is a single run: it draws the development and test sets, learns the vocabulary, and tokenises. So the
result is equal to the single run's, byte for byte, whatever n.

What it costs for N pairs in n shards: a shard passes over the lines of the others at some millions a second and cleans
its own N / n at tens of thousands a second and core; beside the text it takes 16 bytes a pair on disk, and its memory
does not grow. Merging reads all shards once and writes their text once, and tokenises on all cores of its machine. No
process ever holds all hashes: merging takes a 256th of them at a time, and a byte a pair on disk that says which pairs
are duplicates. For a billion pairs that is 16 GB of hashes on disk, of which 64 MB are in memory, two or three times
that while they are sorted. Readers of other formats than lines of text parse all pairs in each shard.

`shard` says what a shard is and where it lies, `blocks` which pairs are its own, `ledger` what was dropped of them, and
`facts` what a shard says of itself. `writing` makes one; `finding` and `merging` take all of them together.
"""
