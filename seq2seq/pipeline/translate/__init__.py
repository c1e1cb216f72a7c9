"""translate: lines in, translations out, in order, resumable, and in parts."""
