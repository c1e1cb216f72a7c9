"""From a bundle to translations: the one object that programs, commands and the conversation all use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, overload
from unicodedata import category

import numpy as np
from numpy.typing import NDArray

from seq2seq import build
from seq2seq.bundle import Bundle, open_bundle
from seq2seq.corpus.files import read_lines
from seq2seq.errors import Seq2SeqError, UserError
from seq2seq.recipe.schema import Search as SearchSettings
from seq2seq.text.glossary import Glossary, parse_glossary
from seq2seq.text.normaliser import Normaliser
from seq2seq.text.pairs import TokenizerPair
from seq2seq.text.restoring import Sentence, read_sentence, restored
from seq2seq.text.special import SPECIAL_TOKENS
from seq2seq.text.terms import continuing_ids, opening_ids

if TYPE_CHECKING:
    from seq2seq.engines.engine import Engine
    from seq2seq.search import Hypothesis, Required

WINDOW_BATCHES = 20
"""Batches that a stream reads ahead, so that sentences of like length can be put side by side."""
MAX_SOURCE_TOKENS = 1000
"""Longer inputs are cut there, and said to be: time grows with the length, and no such sentence was ever learned."""


@dataclass(frozen=True)
class Translation:
    """One translation.

    Attributes:
        source: The input as it was given.
        text: The translation, with the originals of the source where `tokens` has placeholders such as [NUM].
        score: log_prob / length ** length_penalty: what the search ranks by, but where there are `terms`.
        log_prob: Natural logarithm of its probability.
        source_tokens: The input's pieces, EOS included.
        tokens: The translation's pieces, EOS included.
        token_log_probs: The log-probability of each of `tokens`; they add up to `log_prob`.
        attention: [tokens, source_tokens] or None where it was not asked for. Rows add up to 1.
        nbest: The alternatives, best first, this one among them; empty where one was asked for.
        cut: Whether the input was too long and only its beginning was translated.
        terms: The glossary's terms that were found in the input, source and target, in order; each target is in `text`
            as often as its source is here.
    """

    source: str
    text: str
    score: float
    log_prob: float
    source_tokens: list[str]
    tokens: list[str]
    token_log_probs: list[float]
    attention: NDArray[np.float32] | None = None
    nbest: list[Translation] = field(default_factory=list)
    cut: bool = False
    terms: list[tuple[str, str]] = field(default_factory=list)

    def __str__(self) -> str:
        """The translation alone: what one wants to see of it."""
        return self.text


@dataclass(frozen=True)
class _Job:
    """A sentence on its way through a batch."""

    number: int
    text: str
    sentence: Sentence
    cut: bool


class Translator:
    """Translates text.

    Args:
        engine: Computes the steps.
        tokenizers: Text to ids and back.
        normaliser: What the training text went through.
        settings: How translations are looked for unless a call says otherwise.
    """

    def __init__(
        self, engine: Engine, tokenizers: TokenizerPair, normaliser: Normaliser, settings: SearchSettings
    ) -> None:
        self.engine = engine
        self.tokenizers = tokenizers
        self.normaliser = normaliser
        self.settings = settings

    @overload
    def translate(
        self,
        text: str,
        *,
        search: str | None = ...,
        beam: int | None = ...,
        nbest: int = ...,
        prefix: str = ...,
        attention: bool = ...,
        glossary: Mapping[str, str] | None = ...,
    ) -> Translation: ...
    @overload
    def translate(
        self,
        text: list[str],
        *,
        search: str | None = ...,
        beam: int | None = ...,
        nbest: int = ...,
        prefix: str = ...,
        attention: bool = ...,
        glossary: Mapping[str, str] | None = ...,
    ) -> list[Translation]: ...
    def translate(
        self,
        text: str | list[str],
        *,
        search: str | None = None,
        beam: int | None = None,
        nbest: int = 1,
        prefix: str = "",
        attention: bool = False,
        glossary: Mapping[str, str] | None = None,
    ) -> Translation | list[Translation]:
        """Translates one sentence, or a list of them in order.

        Args:
            text: A sentence or a list of sentences. A blank one stays blank.
            search: "beam", "greedy" or "sampling"; None: the recipe's.
            beam: Hypotheses a sentence; None: the recipe's.
            nbest: How many alternatives to return.
            prefix: Text that the translation must begin with.
            attention: Whether to return attention weights.
            glossary: Source terms and the target terms that must stand for them, as they are given here: inflecting
                them is the caller's business. See `seq2seq.text.glossary.Glossary` for what counts as found.

        Raises:
            UserError: A setting is out of range, or nothing can begin with `prefix`.
            TypeError: `text` is neither text nor a list of texts.
        """
        lines = [text] if isinstance(text, str) else list(text)
        if wrong := [line for line in lines if not isinstance(line, str)]:
            raise TypeError(f"translate takes a str or a list of str, and found {type(wrong[0]).__name__}.")
        settings = self.with_settings(search=search, beam=beam)
        found = list(
            self.translate_stream(lines, settings, nbest=nbest, prefix=prefix, attention=attention, glossary=glossary)
        )
        return found[0] if isinstance(text, str) else found

    def with_settings(self, *, search: str | None = None, beam: int | None = None) -> SearchSettings:
        """Returns the search settings with these changes; a beam alone asks for beam search.

        Raises:
            UserError: The beam is not a positive number.
        """
        changes: dict[str, object] = {}
        if beam is not None:
            if beam < 1:
                raise UserError(f"The beam must be at least 1, not {beam}.", hint="5 is a good start; 1 is greedy.")
            changes |= {"beam": beam, "name": "beam"}
        if search is not None:
            changes["name"] = search
        from msgspec.structs import replace as changed

        return changed(self.settings, **changes)

    def translate_stream(
        self,
        lines: Iterable[str],
        settings: SearchSettings | None = None,
        *,
        nbest: int = 1,
        prefix: str = "",
        attention: bool = False,
        glossary: Mapping[str, str] | None = None,
        window: int | None = None,
    ) -> Iterator[Translation]:
        """Translates lines as they come, in order, in bounded memory.

        Args:
            lines: The sentences.
            settings: How to search; None: the recipe's.
            nbest: How many alternatives to return.
            prefix: Text that each translation must begin with.
            attention: Whether to return attention weights.
            glossary: Terms and their translations; see `translate`.
            window: Lines read before the first is answered: more are faster, 1 answers line by line. None: several
                batches.
        """
        size = window or (settings or self.settings).batch_sentences * WINDOW_BATCHES
        return self.translate_windows(
            windows_of(lines, size), settings, nbest=nbest, prefix=prefix, attention=attention, glossary=glossary
        )

    def translate_windows(
        self,
        windows: Iterable[Sequence[str]],
        settings: SearchSettings | None = None,
        *,
        nbest: int = 1,
        prefix: str = "",
        attention: bool = False,
        glossary: Mapping[str, str] | None = None,
    ) -> Iterator[Translation]:
        """Translates lines that come in windows, in order: each window is answered before the next is asked for.

        Args:
            windows: Lists of sentences; those of one are batched by length.
            settings: As in `translate_stream`; likewise the rest.
            nbest: How many alternatives to return.
            prefix: Text that each translation must begin with.
            attention: Whether to return attention weights.
            glossary: Terms and their translations; see `translate`.

        Raises:
            UserError: A setting is out of range, the search gives fewer than `nbest`, or it cannot promise terms.
        """
        chosen = settings or self.settings
        if nbest > 1 and chosen.name == "greedy":
            raise UserError(
                f"Greedy search finds one translation, and {nbest} are asked for.",
                hint="Use beam search or sampling for several.",
            )
        if glossary and chosen.name == "sampling":
            raise UserError(
                "Sampling cannot promise that the terms of a glossary appear.",
                hint="Use beam search or greedy search with a glossary.",
            )
        terms = Glossary(glossary, self.normaliser) if glossary else None
        number = 0
        for lines in windows:
            jobs = self._jobs(lines, number, terms)
            found = self._window(jobs, chosen, nbest=nbest, prefix=prefix, attention=attention)
            yield from (found.get(number + i) or _blank(line) for i, line in enumerate(lines))
            number += len(lines)

    def _window(
        self, jobs: list[_Job], settings: SearchSettings, *, nbest: int, prefix: str, attention: bool
    ) -> dict[int, Translation]:
        """Translates the sentences of one window in batches of like length; by number."""
        results = {}
        jobs.sort(key=lambda job: -len(job.sentence.ids))
        forced = self.tokenizers.target.encode(self.normaliser(prefix)) if prefix.strip() else []
        for begin in range(0, len(jobs), settings.batch_sentences):
            batch = jobs[begin : begin + settings.batch_sentences]
            for job, hypotheses in zip(batch, self._search(batch, settings, nbest, forced, attention), strict=True):
                results[job.number] = self._translation(job, hypotheses, nbest, attention)
        return results

    def _jobs(self, lines: Sequence[str], first: int, glossary: Glossary | None) -> list[_Job]:
        """Returns the lines that have any text, as ids."""
        texts = [self.normaliser(line) for line in lines]
        numbers = [i for i, text in enumerate(texts) if text.strip()]
        encoded = self.tokenizers.source.encode_batch([texts[i] for i in numbers])
        found = (
            (
                i,
                len(ids) > MAX_SOURCE_TOKENS,
                read_sentence(texts[i], ids, self.tokenizers, glossary, longest=MAX_SOURCE_TOKENS),
            )
            for i, ids in zip(numbers, encoded, strict=True)
            if ids
        )
        return [_Job(first + i, lines[i], sentence, cut) for i, cut, sentence in found]

    def _search(
        self, batch: Sequence[_Job], settings: SearchSettings, nbest: int, forced: list[int], attention: bool
    ) -> list[list[Hypothesis]]:
        start = self.engine.start([job.sentence.ids for job in batch])
        return build.search(settings, nbest=nbest)(
            self.engine,
            start.memory,
            start.state,
            start.source_lengths,
            prefixes=[forced] * len(batch) if forced else None,
            required=self._required(batch),
            # Placeholders are filled in by attention, whether or not anyone wants to see it.
            want_attention=attention or bool(self.tokenizers.target.placeholders),
            sentence_numbers=np.array([job.number for job in batch], np.int64),
        )

    def _required(self, batch: Sequence[_Job]) -> Required | None:
        """Returns what the search must write: the terms of each sentence."""
        from seq2seq.search import Required

        phrases = [[one.ids for one in job.sentence.phrases] for job in batch]
        if not any(phrases):
            return None
        for job in batch:
            for match, one in zip(job.sentence.matches, job.sentence.phrases, strict=True):
                if not one.ids:
                    raise UserError(f"This model cannot write the glossary's term {match.term.target!r}.")
        spans = [job.sentence.spans for job in batch]
        return Required(phrases, self._continuing, spans, opening_ids(self.tokenizers.target))

    @cached_property
    def _continuing(self) -> frozenset[int]:
        return continuing_ids(self.tokenizers.target)

    def _translation(self, job: _Job, hypotheses: Sequence[Hypothesis], nbest: int, attention: bool) -> Translation:
        source_tokens = [*self.tokenizers.source.pieces(job.sentence.ids), _EOS]
        ranked = [self._one(job, hypothesis, source_tokens, attention) for hypothesis in hypotheses]
        return replace(ranked[0], nbest=ranked) if nbest > 1 else ranked[0]

    def _one(self, job: _Job, hypothesis: Hypothesis, source_tokens: list[str], attention: bool) -> Translation:
        return Translation(
            source=job.text,
            text=_one_line(restored(job.sentence, self.tokenizers, hypothesis.ids, hypothesis.attention)),
            score=hypothesis.score,
            log_prob=hypothesis.log_prob,
            source_tokens=source_tokens,
            tokens=[*self.tokenizers.target.pieces(hypothesis.ids), _EOS],
            token_log_probs=[float(p) for p in hypothesis.token_log_probs],
            attention=hypothesis.attention if attention else None,
            cut=job.cut,
            terms=job.sentence.terms,
        )


_EOS = SPECIAL_TOKENS[3]


def windows_of(lines: Iterable[str], size: int) -> Iterator[list[str]]:
    """Yields the lines in lists of `size`, the last one shorter; where reading fails, what came before it first."""
    window: list[str] = []
    try:
        for line in lines:
            window.append(line)
            if len(window) == size:
                yield window
                window = []
    except Seq2SeqError:
        yield window
        raise
    if window:
        yield window


def _one_line(text: str) -> str:
    """Returns `text` with a space for every control character: pieces of bytes can spell any, a line feed included."""
    if text.isprintable():
        return text
    return "".join(" " if category(c) in _CONTROL else c for c in text)


_CONTROL = frozenset({"Cc", "Zl", "Zp"})


def _blank(line: str) -> Translation:
    """The translation of nothing."""
    return Translation(line, "", 0.0, 0.0, [], [], [])


def read_glossary(path: Path) -> dict[str, str]:
    """Returns the terms of a glossary file, plain or compressed; see `seq2seq.text.glossary.parse_glossary`.

    Raises:
        UserError: The file cannot be read, or a line is wrong; names the line.
    """
    return parse_glossary(read_lines(path), path)


def load(path: str | Path, *, device: str = "auto", threads: int = 0) -> Translator:
    """Opens a trained model.

    Args:
        path: A bundle's folder, a run's folder, or a run's name under `runs/`.
        device: "auto", "cpu" or "cuda".
        threads: CPU cores to use; 0: all.

    Raises:
        UserError: There is no model, or it is damaged.
    """
    return from_bundle(open_bundle(Path(path)), device=device, threads=threads)


def from_bundle(bundle: Bundle, *, device: str = "auto", threads: int = 0) -> Translator:
    """Makes the translator of an opened bundle; see `load`."""
    from seq2seq.engines.torch_engine import load_engine

    tokenizers = TokenizerPair.load(bundle.tokenizers)
    engine = load_engine(bundle, tokenizers, device=device, threads=threads)
    return Translator(engine, tokenizers, build.normaliser(bundle.recipe.data), bundle.recipe.search)
