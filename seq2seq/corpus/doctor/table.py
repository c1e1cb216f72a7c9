"""Every examination there is. To add one: write its file here, and its line below."""

from __future__ import annotations

from typing import Final

from seq2seq.corpus.doctor.boilerplate import Boilerplate
from seq2seq.corpus.doctor.duplicates import Duplicates
from seq2seq.corpus.doctor.examination import Examination
from seq2seq.corpus.doctor.languages import Languages
from seq2seq.corpus.doctor.leakage import Leakage
from seq2seq.corpus.doctor.lengths import Lengths
from seq2seq.corpus.doctor.mojibake import Mojibake
from seq2seq.corpus.doctor.numbers import Numbers
from seq2seq.corpus.doctor.oddities import Oddities
from seq2seq.corpus.doctor.slip import Slip

EXAMINATIONS: Final[tuple[type[Examination], ...]] = (
    Slip,
    Languages,
    Mojibake,
    Leakage,
    Numbers,
    Boilerplate,
    Duplicates,
    Oddities,
    Lengths,
)
