"""The four ids every vocabulary starts with. Text can never produce them; only the program does."""

from __future__ import annotations

from typing import Final

PAD: Final = 0
UNK: Final = 1
GO: Final = 2
EOS: Final = 3
NUM_SPECIAL: Final = 4
SPECIAL_TOKENS: Final = ("<pad>", "<unk>", "<go>", "<eos>")
