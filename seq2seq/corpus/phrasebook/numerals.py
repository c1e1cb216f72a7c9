"""Numbers from 0 to 100 in words, in both languages: twenty-one, vingt et un (vingt et une before a feminine noun)."""

from __future__ import annotations

from seq2seq.corpus.phrasebook.entries import Number


class Numerals:
    """Builds numbers from the words of the lexicon: 0 to 16 or 19, the tens, and one hundred."""

    def __init__(self, numbers: tuple[Number, ...]) -> None:
        self._words = {number.value: number for number in numbers}

    def english(self, value: int) -> str:
        """Returns a cardinal."""
        if value in self._words:
            return self._words[value].english
        tens, units = divmod(value, 10)
        return f"{self._words[tens * 10].english}-{self._words[units].english}"

    def ordinal(self, value: int) -> str:
        """Returns an ordinal up to thirty-first."""
        if value in self._words:
            return self._words[value].ordinal
        tens, units = divmod(value, 10)
        return f"{self._words[tens * 10].english}-{self._words[units].ordinal}"

    def french(self, value: int, feminine: bool = False) -> str:
        """Returns a cardinal, with the asterisk of huit and onze where it is their own (vingt-huit has none)."""
        if value in self._words:
            word = self._words[value].french
        else:
            tens, units = divmod(value, 10)
            if tens in (7, 9):
                tens, units = tens - 1, units + 10
            joint = " et " if units in (1, 11) and tens < 8 else "-"
            base = self._words[tens * 10].french.removesuffix("s") if tens == 8 else self._words[tens * 10].french
            word = f"{base}{joint}{self._words[units].french.removeprefix('*')}"
        ends_in_one = value % 10 == 1 and value not in (11, 71, 91)
        return word + "e" if feminine and ends_in_one else word
