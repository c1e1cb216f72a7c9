"""What a call wants of each translation: checked, and in the form that the work needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seq2seq.corpus.files import read_lines
from seq2seq.errors import UserError
from seq2seq.recipe.rules.search import MOST_CANDIDATES
from seq2seq.recipe.schema import Evaluation
from seq2seq.recipe.schema import Search as SearchSettings
from seq2seq.text.glossary import Glossary, parse_glossary
from seq2seq.text.normaliser import Normaliser
from seq2seq.text.tokenizer import Tokenizer
from seq2seq.translating.banning import Banned

if TYPE_CHECKING:
    from seq2seq.translating.minimum_bayes import MinimumBayes


@dataclass(frozen=True)
class Request:
    """What one call wants of each translation.

    Attributes:
        settings: How to search.
        nbest: How many alternatives.
        attention: Whether attention weights are wanted.
        forced: The ids that each translation begins with.
        beginning: The text of each of them.
        glossary: The terms.
        term_characters: No term has more.
        banned: The words that no translation may hold.
        minimum_bayes: What ranks the candidates instead of their scores; None: nothing does.
    """

    settings: SearchSettings
    nbest: int
    attention: bool
    forced: list[int]
    beginning: list[str]
    glossary: Glossary | None
    term_characters: int
    banned: Banned | None
    minimum_bayes: MinimumBayes | None = None

    @property
    def num_candidates(self) -> int:
        """How many hypotheses the search shall give."""
        return self.nbest if self.minimum_bayes is None else max(self.nbest, self.minimum_bayes.count)


class Asker:
    """Makes the requests of calls.

    Args:
        tokenizer: The target's.
        normaliser: What the training text went through.
    """

    def __init__(self, tokenizer: Tokenizer, normaliser: Normaliser) -> None:
        self._tokenizer = tokenizer
        self._normaliser = normaliser

    def __call__(
        self,
        settings: SearchSettings,
        evaluation: Evaluation,
        nbest: int,
        prefix: str,
        attention: bool,
        glossary: Mapping[str, str] | None,
        banned: Sequence[str],
    ) -> Request:
        """Returns what a call wants; see `Translator.translate` for what is not said here.

        Args:
            settings: How to search.
            evaluation: How candidates are compared with each other, where they are.
            nbest: How many alternatives to return.
            prefix: Text that each translation must begin with.
            attention: Whether to return attention weights.
            glossary: Terms and their translations.
            banned: Words that no translation may hold.

        Raises:
            UserError: Two wishes contradict each other, or the search cannot fulfil one.
            TypeError: `banned` is a single text.
        """
        _check_search(settings, nbest, glossary)
        words = self._banned(banned)
        beginning = self._normaliser(prefix) if prefix.strip() else ""
        if words:
            _check_allowed(words, beginning, glossary or {})
        return Request(
            settings=settings,
            nbest=nbest,
            attention=attention,
            forced=self._tokenizer.encode(beginning) if beginning else [],
            beginning=self._tokenizer.surfaces(beginning) if beginning else [],
            glossary=Glossary(glossary, self._normaliser) if glossary else None,
            term_characters=max((len(self._normaliser(source)) for source in glossary or ()), default=0),
            banned=words,
            minimum_bayes=_minimum_bayes(settings, evaluation) if settings.mbr else None,
        )

    def _banned(self, words: Sequence[str]) -> Banned | None:
        if isinstance(words, str):
            raise TypeError("banned takes a list of words, not a str.")
        return Banned(words, self._tokenizer, self._normaliser) if words else None


def _check_search(settings: SearchSettings, nbest: int, glossary: Mapping[str, str] | None) -> None:
    """Refuses what the search cannot give."""
    if nbest > 1 and settings.name == "greedy":
        raise UserError(
            f"Greedy search finds one translation, and {nbest} are asked for.",
            hint="Use beam search or sampling for several.",
        )
    if glossary and settings.name == "sampling":
        raise UserError(
            "Sampling cannot promise that the terms of a glossary appear.",
            hint="Use beam search or greedy search with a glossary.",
        )


def _check_allowed(words: Banned, beginning: str, glossary: Mapping[str, str]) -> None:
    """Refuses a ban of what must be written."""
    for what, text in [("prefix", beginning), *(("glossary", target) for target in glossary.values())]:
        for word in words.in_text(text):
            raise UserError(f"{word!r} is banned, and the {what} wants {text!r}.", hint="Leave out one of them.")


def _minimum_bayes(settings: SearchSettings, evaluation: Evaluation) -> MinimumBayes:
    """Returns what compares candidates. It is made anew for each call: no tokenizer is shared by threads.

    Raises:
        UserError: There will be no two candidates, or what the language's tokenizer needs is missing.
    """
    from seq2seq.evaluation.sentence import sentence_metric
    from seq2seq.translating.minimum_bayes import MinimumBayes

    if settings.name == "greedy":
        raise UserError(
            f"Greedy search finds one translation, and {settings.mbr} are to be compared.",
            hint="Use beam search or sampling with mbr.",
        )
    metric = sentence_metric(settings.mbr_utility, tokenize=evaluation.tokenize, lowercase=evaluation.lowercase)
    sampled = settings.name == "sampling"
    return MinimumBayes(settings.mbr, metric, length_penalty=settings.length_penalty, sampled=sampled)


def changed(
    settings: SearchSettings,
    *,
    search: str | None,
    beam: int | None,
    mbr: int | None,
    others: Mapping[str, float | None],
) -> SearchSettings:
    """Returns search settings with the changes that are not None; see `Translator.with_settings`.

    Args:
        settings: The settings.
        search: The name of the search; before the one that a beam asks for.
        beam: Hypotheses a sentence; asks for beam search.
        mbr: Candidates to compare; None: as before, but none where a search or a beam is asked for.
        others: Other settings, by their names.

    Raises:
        UserError: The beam is not a positive number, or `mbr` out of range.
    """
    from msgspec.structs import replace

    if mbr is None and (search is not None or beam is not None):
        mbr = 0  # candidates need a beam of their own, so that the one asked for would change nothing
    changes: dict[str, object] = {**others, "mbr": mbr}
    if mbr is not None and not 0 <= mbr <= MOST_CANDIDATES:
        raise UserError(f"mbr must be 0 to {MOST_CANDIDATES}, not {mbr}.", hint="20 is a good start; 0 is none.")
    if beam is not None:
        if beam < 1:
            raise UserError(f"The beam must be at least 1, not {beam}.", hint="5 is a good start; 1 is greedy.")
        changes |= {"beam": beam, "name": "beam"}
    if search is not None:
        changes["name"] = search
    return replace(settings, **{name: value for name, value in changes.items() if value is not None})


def lines_of(text: str | Sequence[str]) -> list[str]:
    """Returns a text, or several, as a list.

    Raises:
        TypeError: It is neither text nor a list of texts.
    """
    lines = [text] if isinstance(text, str) else list(text)
    if wrong := [line for line in lines if not isinstance(line, str)]:
        raise TypeError(f"translate takes a str or a list of str, and found {type(wrong[0]).__name__}.")
    return lines


def read_glossary(path: Path) -> dict[str, str]:
    """Returns the terms of a glossary file, plain or compressed; see `seq2seq.text.glossary.parse_glossary`.

    Raises:
        UserError: The file cannot be read, or a line is wrong; names the line.
    """
    return parse_glossary(read_lines(path), path)
