"""From a bundle to translations: the one object that programs, commands and the conversation all use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from seq2seq import build
from seq2seq.banning import Banned, Sequences
from seq2seq.batching import batches, each
from seq2seq.bundle import Bundle, open_bundle
from seq2seq.corpus.files import read_lines
from seq2seq.errors import Seq2SeqError, UserError
from seq2seq.recipe.rules import MOST_CANDIDATES
from seq2seq.recipe.schema import Evaluation
from seq2seq.recipe.schema import Search as SearchSettings
from seq2seq.splitting import CHARACTERS_A_TOKEN, Part, split
from seq2seq.text.glossary import Glossary, parse_glossary
from seq2seq.text.normaliser import Normaliser
from seq2seq.text.pairs import TokenizerPair
from seq2seq.text.restoring import Sentence, fill, read_sentence, restored
from seq2seq.text.special import SPECIAL_TOKENS
from seq2seq.text.terms import continuing_ids, opening_ids
from seq2seq.text.tokenizer import Tokenizer
from seq2seq.translation import Piece, Scored, Translation, joined, one_line

if TYPE_CHECKING:
    from seq2seq.engines.engine import Engine
    from seq2seq.minimum_bayes import MinimumBayes
    from seq2seq.search import Hypothesis, Required, Search

WINDOW_BATCHES = 20
"""Batches that a stream reads ahead, so that sentences of like length can be put side by side."""
WINDOW_CHARACTERS = 1 << 22
"""A window that holds as many is full: lines may be megabytes long, and memory must not grow with them."""
MOST_SCORED_TOKENS = 5000
"""A longer sentence is not scored: it cannot be split where its translation would be, and memory grows with it."""


@dataclass(frozen=True)
class _Asked:
    """What one call wants of each translation.

    Attributes:
        settings: How to search.
        nbest: How many alternatives.
        attention: Whether attention weights are wanted.
        forced: The ids that each translation begins with.
        glossary: The terms.
        term_characters: No term has more.
        banned: The words that no translation may hold.
        minimum_bayes: What ranks the candidates instead of their scores; None: nothing does.
    """

    settings: SearchSettings
    nbest: int
    attention: bool
    forced: list[int]
    glossary: Glossary | None
    term_characters: int
    banned: Banned | None
    minimum_bayes: MinimumBayes | None = None

    @property
    def num_candidates(self) -> int:
        """How many hypotheses the search shall give."""
        return self.nbest if self.minimum_bayes is None else max(self.nbest, self.minimum_bayes.count)


@dataclass(frozen=True)
class _Job:
    """A sentence on its way through a batch: a line, or a part of one.

    Attributes:
        source: What it is a translation of, as the `Translation` shows it.
        number: What random draws know it by: its line, and above that its part.
        sentence: It, as ids.
        forced: The ids that its translation begins with.
        forbidden: Ids in a row that its translation may not hold.
        rounds: How often it was searched, and a banned word found.
    """

    source: str
    number: int
    sentence: Sentence
    forced: list[int]
    forbidden: Sequences = frozenset()
    rounds: int = 0


class Translator:
    """Translates text, and scores translations. Any number of threads may share one.

    Args:
        engine: Computes the steps. Where its attribute `parallel` is above 1, so many batches are computed at a time.
        tokenizers: Text to ids and back.
        normaliser: What the training text went through.
        settings: How translations are looked for unless a call says otherwise.
        evaluation: How the target language is scored, for candidates that are compared; None: the usual way.
    """

    def __init__(
        self,
        engine: Engine,
        tokenizers: TokenizerPair,
        normaliser: Normaliser,
        settings: SearchSettings,
        evaluation: Evaluation | None = None,
    ) -> None:
        self.engine = engine
        self.tokenizers = tokenizers
        self._source_pieces = _Pieces(tokenizers.source)
        self._target_pieces = _Pieces(tokenizers.target)
        self.normaliser = normaliser
        self.settings = settings
        self.evaluation = evaluation or Evaluation()

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
        banned: Sequence[str] = ...,
        min_length: int | None = ...,
        no_repeat_ngram: int | None = ...,
        coverage_penalty: float | None = ...,
        mbr: int | None = ...,
    ) -> Translation: ...
    @overload
    def translate(
        self,
        text: list[str] | tuple[str, ...],
        *,
        search: str | None = ...,
        beam: int | None = ...,
        nbest: int = ...,
        prefix: str = ...,
        attention: bool = ...,
        glossary: Mapping[str, str] | None = ...,
        banned: Sequence[str] = ...,
        min_length: int | None = ...,
        no_repeat_ngram: int | None = ...,
        coverage_penalty: float | None = ...,
        mbr: int | None = ...,
    ) -> list[Translation]: ...
    def translate(
        self,
        text: str | list[str] | tuple[str, ...],
        *,
        search: str | None = None,
        beam: int | None = None,
        nbest: int = 1,
        prefix: str = "",
        attention: bool = False,
        glossary: Mapping[str, str] | None = None,
        banned: Sequence[str] = (),
        min_length: int | None = None,
        no_repeat_ngram: int | None = None,
        coverage_penalty: float | None = None,
        mbr: int | None = None,
    ) -> Translation | list[Translation]:
        """Translates one sentence, or a list of them in order.

        A text of any length will do: one that has more tokens than the setting `search.split_tokens` is translated in
        parts, sentence by sentence where it has several.

        Args:
            text: A sentence or a list of sentences. A blank one stays blank.
            search: "beam", "greedy" or "sampling"; None: the recipe's, as wherever None stands below.
            beam: Hypotheses a sentence.
            nbest: How many alternatives to return.
            prefix: Text that the translation must begin with.
            attention: Whether to return attention weights.
            glossary: Source terms and the target terms that must stand for them, as they are given here: inflecting
                them is the caller's business. See `seq2seq.text.glossary.Glossary` for what counts as found.
            banned: Words and phrases that no translation may hold; see `seq2seq.banning.Banned`.
            min_length: Tokens of a translation, at least; of each part, where there are parts.
            no_repeat_ngram: So many tokens in a row stand in a translation but once; 0: as often as they like.
            coverage_penalty: What it costs a translation not to look at a source token; of beam search.
            mbr: Candidates, of which the one that is most like all others is taken; see `seq2seq.minimum_bayes`. 0: the
                likeliest is.

        Raises:
            UserError: A setting is out of range, or nothing can begin with `prefix` or do without what is banned.
            TypeError: `text` is neither text nor a list of texts.
        """
        lines = [text] if isinstance(text, str) else list(text)
        if wrong := [line for line in lines if not isinstance(line, str)]:
            raise TypeError(f"translate takes a str or a list of str, and found {type(wrong[0]).__name__}.")
        settings = self.with_settings(
            search=search,
            beam=beam,
            min_length=min_length,
            no_repeat_ngram=no_repeat_ngram,
            coverage_penalty=coverage_penalty,
            mbr=mbr,
        )
        found = list(
            self.translate_stream(
                lines, settings, nbest=nbest, prefix=prefix, attention=attention, glossary=glossary, banned=banned
            )
        )
        return found[0] if isinstance(text, str) else found

    def with_settings(
        self,
        *,
        search: str | None = None,
        beam: int | None = None,
        min_length: int | None = None,
        no_repeat_ngram: int | None = None,
        coverage_penalty: float | None = None,
        mbr: int | None = None,
    ) -> SearchSettings:
        """Returns the search settings with these changes; a beam alone asks for beam search.

        Raises:
            UserError: The beam is not a positive number, or `mbr` out of range. What else is out of range, the search
                refuses.
        """
        changes: dict[str, object] = {
            "min_length": min_length,
            "no_repeat_ngram": no_repeat_ngram,
            "coverage_penalty": coverage_penalty,
            "mbr": mbr,
        }
        if mbr is not None and not 0 <= mbr <= MOST_CANDIDATES:
            raise UserError(f"mbr must be 0 to {MOST_CANDIDATES}, not {mbr}.", hint="20 is a good start; 0 is none.")
        if beam is not None:
            if beam < 1:
                raise UserError(f"The beam must be at least 1, not {beam}.", hint="5 is a good start; 1 is greedy.")
            changes |= {"beam": beam, "name": "beam"}
        if search is not None:
            changes["name"] = search
        from msgspec.structs import replace as changed

        return changed(self.settings, **{name: value for name, value in changes.items() if value is not None})

    def translate_stream(
        self,
        lines: Iterable[str],
        settings: SearchSettings | None = None,
        *,
        nbest: int = 1,
        prefix: str = "",
        attention: bool = False,
        glossary: Mapping[str, str] | None = None,
        banned: Sequence[str] = (),
        window: int | None = None,
        first: int = 0,
    ) -> Iterator[Translation]:
        """Translates lines as they come, in order, in bounded memory.

        Args:
            lines: The sentences.
            settings: How to search; None: the recipe's.
            nbest: How many alternatives to return.
            prefix: Text that each translation must begin with.
            attention: Whether to return attention weights.
            glossary: Terms and their translations; see `translate`.
            banned: Words that no translation may hold; see `translate`.
            window: Lines read before the first is answered, fewer where they are long: more are faster, 1 answers line
                by line. None: several batches.
            first: How many lines stand before these in the whole text; it decides what sampling draws.
        """
        size = window or (settings or self.settings).batch_sentences * WINDOW_BATCHES
        return self.translate_windows(
            windows_of(lines, size),
            settings,
            nbest=nbest,
            prefix=prefix,
            attention=attention,
            glossary=glossary,
            banned=banned,
            first=first,
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
        banned: Sequence[str] = (),
        first: int = 0,
    ) -> Iterator[Translation]:
        """Translates lines that come in windows, in order: each window is answered before the next is asked for.

        Args:
            windows: Lists of sentences; those of one are batched by length.
            settings: As in `translate_stream`; likewise the rest.
            nbest: How many alternatives to return.
            prefix: Text that each translation must begin with.
            attention: Whether to return attention weights.
            glossary: Terms and their translations; see `translate`.
            banned: Words that no translation may hold; see `translate`.
            first: How many lines stand before these in the whole text.

        Raises:
            UserError: A setting is out of range, the search gives fewer than `nbest`, it cannot promise terms, or what
                is banned is asked for at the same time.
        """
        asked = self._asked(settings or self.settings, nbest, prefix, attention, glossary, banned)
        for lines in windows:
            yield from self._window(lines, first, asked)
            first += len(lines)

    def score(self, sources: Sequence[str], targets: Sequence[str | Sequence[int]]) -> list[Scored]:
        """Returns what the model thinks of given translations, in order: their log-probabilities, token by token.

        They are those that the search itself gives a translation, where its ids are the same. A text may be cut into
        other pieces than the search wrote it in; to score just these, give `Translation.ids`, or those of each of its
        `parts`.

        Args:
            sources: The sentences.
            targets: A translation of each, as text or as ids without EOS. Blank sentences score nothing on blank ones.

        Raises:
            UserError: There are not as many targets as sources, a sentence is longer than `MOST_SCORED_TOKENS`, or ids
                are none of the vocabulary's.
            TypeError: `sources` or `targets` is a single text.
        """
        if isinstance(sources, str) or isinstance(targets, str):
            raise TypeError("score takes a list of sources and a list of targets, not a str.")
        if len(sources) != len(targets):
            raise UserError(f"There must be a target for each of the {len(sources)} sources, not {len(targets)}.")
        encoded = self.tokenizers.source.encode_batch([self.normaliser(source) for source in sources])
        ids = self._target_ids(targets)
        lengths = [max(len(source), len(target)) + 1 for source, target in zip(encoded, ids, strict=True)]
        for number, length in enumerate(lengths):
            if length > MOST_SCORED_TOKENS:
                raise UserError(
                    f"Sentence {number + 1} has {length - 1:,} tokens; at most {MOST_SCORED_TOKENS - 1:,} are scored.",
                    hint="Split it, and its translation at the same places.",
                )
        found: dict[int, list[float]] = {number: [] for number, length in enumerate(lengths) if length == 1}
        open_numbers = [number for number in range(len(lengths)) if number not in found]
        work = [
            [(open_numbers[i], encoded[open_numbers[i]], ids[open_numbers[i]]) for i in batch]
            for batch in self._batches([lengths[number] for number in open_numbers], self.settings)
        ]
        for batch, log_probs in zip(work, each(_forced, work, self.engine), strict=True):
            found |= {number: own for (number, _, _), own in zip(batch, log_probs, strict=True)}
        return [
            self._scored(source, target, own, found[number])
            for number, (source, target, own) in enumerate(zip(sources, targets, ids, strict=True))
        ]

    def _target_ids(self, targets: Sequence[str | Sequence[int]]) -> list[list[int]]:
        """Returns the targets as ids; those given so, as they are."""
        texts = [number for number, target in enumerate(targets) if isinstance(target, str)]
        encoded = self.tokenizers.target.encode_batch([self.normaliser(str(targets[number])) for number in texts])
        found = dict(zip(texts, encoded, strict=True))
        return [found[n] if n in found else [int(i) for i in target] for n, target in enumerate(targets)]

    def _scored(self, source: str, target: str | Sequence[int], ids: list[int], log_probs: list[float]) -> Scored:
        text = target if isinstance(target, str) else self.tokenizers.target.decode(ids)
        tokens = self._target_pieces.of(ids) if log_probs else []
        return Scored(source, text, tokens, log_probs, sum(log_probs))

    def _asked(
        self,
        settings: SearchSettings,
        nbest: int,
        prefix: str,
        attention: bool,
        glossary: Mapping[str, str] | None,
        banned: Sequence[str],
    ) -> _Asked:
        """Returns what a call wants, checked, and in the form that the work needs.

        Raises:
            UserError: Two wishes contradict each other, or the search cannot fulfil one.
        """
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
        if isinstance(banned, str):
            raise TypeError("banned takes a list of words, not a str.")
        words = Banned(banned, self.tokenizers.target, self.normaliser) if banned else None
        beginning = self.normaliser(prefix) if prefix.strip() else ""
        if words:
            for what, text in [("prefix", beginning), *(("glossary", target) for target in (glossary or {}).values())]:
                for word in words.in_text(text):
                    raise UserError(
                        f"{word!r} is banned, and the {what} wants {text!r}.", hint="Leave out one of them."
                    )
        return _Asked(
            settings=settings,
            nbest=nbest,
            attention=attention,
            forced=self.tokenizers.target.encode(beginning) if beginning else [],
            glossary=Glossary(glossary, self.normaliser) if glossary else None,
            term_characters=max((len(self.normaliser(source)) for source in glossary or ()), default=0),
            banned=words,
            minimum_bayes=self._minimum_bayes(settings) if settings.mbr else None,
        )

    def _minimum_bayes(self, settings: SearchSettings) -> MinimumBayes:
        """Returns what compares candidates. It is made anew for each call: no tokenizer is shared by threads.

        Raises:
            UserError: There will be no two candidates, or what the language's tokenizer needs is missing.
        """
        from seq2seq.evaluation.sentence import sentence_metric
        from seq2seq.minimum_bayes import MinimumBayes

        if settings.name == "greedy":
            raise UserError(
                f"Greedy search finds one translation, and {settings.mbr} are to be compared.",
                hint="Use beam search or sampling with mbr.",
            )
        rules = self.evaluation
        metric = sentence_metric(settings.mbr_utility, tokenize=rules.tokenize, lowercase=rules.lowercase)
        sampled = settings.name == "sampling"
        return MinimumBayes(settings.mbr, metric, length_penalty=settings.length_penalty, sampled=sampled)

    def _window(self, lines: Sequence[str], first: int, asked: _Asked) -> Iterator[Translation]:
        """Yields the translations of one window, whose sentences and parts of sentences are batched together."""
        split_lines = self._split(lines, asked)
        jobs = [
            _Job(
                source=line if len(parts) == 1 else part.text,
                number=first + number + place * _PARTS_APART,
                sentence=read_sentence(part.text, part.ids, self.tokenizers, asked.glossary, longest=len(part.ids)),
                forced=asked.forced if place == 0 else [],
            )
            for number, (line, parts) in enumerate(zip(lines, split_lines, strict=True))
            for place, part in enumerate(parts)
        ]
        found = self._found(jobs, asked)
        done = iter([self._translation(*found[job.number], asked) for job in jobs])
        for line, parts in zip(lines, split_lines, strict=True):
            pieces = [Piece(next(done), part.before, part.torn) for part in parts]
            if len(pieces) > 1:
                yield joined(line, pieces, asked.nbest)
            else:
                yield pieces[0].translation if pieces else _blank(line)

    def _split(self, lines: Sequence[str], asked: _Asked) -> list[list[Part]]:
        """Returns the parts of each line: none of a blank one, and one of most others."""
        longest, encode = asked.settings.split_tokens, self.tokenizers.source.encode_batch
        texts = [self.normaliser(line) for line in lines]
        short = [n for n, text in enumerate(texts) if text.strip() and len(text) <= longest * CHARACTERS_A_TOKEN]
        if len(short) == 1:  # a batch costs a thread
            ids = {short[0]: self.tokenizers.source.encode(texts[short[0]])}
        else:
            ids = dict(zip(short, encode([texts[n] for n in short]), strict=True))

        def may_cut(text: str, place: int) -> bool:
            begin = max(0, place - asked.term_characters)
            near = asked.glossary.matches(text[begin : place + asked.term_characters]) if asked.glossary else []
            return not any(begin + match.start < place < begin + match.end for match in near)

        found = []
        for number, text in enumerate(texts):
            own = ids.get(number, [])
            if number in ids and len(own) <= longest:
                found.append([Part(text, own, "", torn=False)] if own else [])
            else:
                parts = split(text, longest, encode, may_cut if asked.glossary else None) if text.strip() else []
                found.append([part for part in parts if part.ids])
        return found

    def _found(self, jobs: list[_Job], asked: _Asked) -> dict[int, tuple[_Job, list[Hypothesis]]]:
        """Returns what the search finds for each job, by number; those with banned words are searched again."""
        found: dict[int, tuple[_Job, list[Hypothesis]]] = {}
        settings = _with_fewer_sentences(asked.settings)
        waiting = {frozenset[tuple[int, ...]](): jobs}
        while waiting:
            work = [
                [alike[i] for i in batch]
                for alike in waiting.values()
                for batch in self._batches([len(job.sentence.ids) + 1 for job in alike], settings)
            ]
            waiting = {}

            def search(engine: Engine, batch: list[_Job]) -> list[list[Hypothesis]]:
                return self._search(engine, batch, asked)

            for batch, results in zip(work, each(search, work, self.engine), strict=True):
                for job, candidates in zip(batch, results, strict=True):
                    hypotheses = self._ranked(job, candidates, asked)
                    found[job.number] = job, hypotheses
                    if more := self._forbidden(job, hypotheses, asked):
                        again = replace(job, forbidden=job.forbidden | more, rounds=job.rounds + 1)
                        waiting.setdefault(again.forbidden, []).append(again)
        return found

    def _ranked(self, job: _Job, candidates: list[Hypothesis], asked: _Asked) -> list[Hypothesis]:
        """Returns as many of the candidates as are wanted, best first."""
        if asked.minimum_bayes is None:
            return candidates
        judged = asked.minimum_bayes(candidates, [self._text(job, one) for one in candidates])
        return list(judged[: asked.nbest])

    def _forbidden(self, job: _Job, hypotheses: list[Hypothesis], asked: _Asked) -> Sequences:
        """Returns the ids that wrote banned words into the hypotheses; none where there are no such words."""
        if asked.banned is None:
            return frozenset()
        target, more = self.tokenizers.target, set[tuple[int, ...]]()
        for one in hypotheses:
            filled = fill(job.sentence, self.tokenizers, one.ids, one.attention)
            more |= asked.banned.spelled(
                self._text(job, one),
                one.ids,
                lambda ids, filled=filled: target.decode(ids, filled),  # type: ignore[misc]
                rounds=job.rounds + 1,
            )
        return frozenset(more)

    def _batches(self, lengths: Sequence[int], settings: SearchSettings) -> list[list[int]]:
        return batches(
            lengths,
            sentences=settings.batch_sentences,
            tokens=settings.batch_tokens,
            parallel=int(getattr(self.engine, "parallel", 1)),
        )

    def _search(self, engine: Engine, batch: Sequence[_Job], asked: _Asked) -> list[list[Hypothesis]]:
        start = engine.start([job.sentence.ids for job in batch])
        more: dict[str, Any] = {"banned": sorted(batch[0].forbidden)} if batch[0].forbidden else {}
        return _search_of(asked.settings, asked.num_candidates)(
            engine,
            start.memory,
            start.state,
            start.source_lengths,
            prefixes=[job.forced for job in batch] if asked.forced else None,
            required=self._required(batch),
            # Placeholders are filled in by attention, whether or not anyone wants to see it.
            want_attention=asked.attention or bool(self.tokenizers.target.placeholders),
            sentence_numbers=np.array([job.number for job in batch], np.int64),
            **more,
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

    def _translation(self, job: _Job, hypotheses: Sequence[Hypothesis], asked: _Asked) -> Translation:
        source_tokens = self._source_pieces.of(job.sentence.ids)
        ranked = [self._one(job, hypothesis, source_tokens, asked.attention) for hypothesis in hypotheses]
        return replace(ranked[0], nbest=ranked) if asked.nbest > 1 else ranked[0]

    def _one(self, job: _Job, hypothesis: Hypothesis, source_tokens: list[str], attention: bool) -> Translation:
        return Translation(
            source=job.source,
            text=self._text(job, hypothesis),
            score=hypothesis.score,
            log_prob=hypothesis.log_prob,
            source_tokens=source_tokens,
            tokens=self._target_pieces.of(hypothesis.ids),
            token_log_probs=list(hypothesis.token_log_probs),
            attention=hypothesis.attention if attention else None,
            terms=job.sentence.terms,
            ids=list(hypothesis.ids),
            utility=getattr(hypothesis, "utility", None),
        )

    def _text(self, job: _Job, hypothesis: Hypothesis) -> str:
        return one_line(restored(job.sentence, self.tokenizers, hypothesis.ids, hypothesis.attention))


class _Pieces(dict[int, str]):
    """The piece of each id, asked for once: a tokenizer takes as long for the pieces of a sentence as for its text."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__()
        self._tokenizer = tokenizer

    def __missing__(self, number: int) -> str:
        piece = self[number] = self._tokenizer.pieces([number])[0]
        return piece

    def of(self, ids: Iterable[int]) -> list[str]:
        """Returns the pieces of a sentence's ids, and EOS's."""
        return [*map(self.__getitem__, ids), _EOS]


_EOS = SPECIAL_TOKENS[3]
_USUAL_BEAM = 8
_PARTS_APART = 1 << 40
"""What the numbers of two parts of one line differ by: more than there are lines."""


@lru_cache(maxsize=16)
def _search_of(settings: SearchSettings, nbest: int) -> Search:
    """Returns the search that the settings name. It keeps nothing between calls, so all may share it."""
    return build.search(settings, nbest=nbest)


def _with_fewer_sentences(settings: SearchSettings) -> SearchSettings:
    """Returns settings whose batches have as many hypotheses as those of a usual beam, where sentences have more."""
    width = max(settings.beam, _USUAL_BEAM)
    if settings.mbr <= width:
        return settings
    from msgspec.structs import replace as changed

    return changed(settings, batch_sentences=max(1, settings.batch_sentences * width // settings.mbr))


def _forced(engine: Engine, batch: Sequence[tuple[int, list[int], list[int]]]) -> list[list[float]]:
    """Returns the log-probabilities of given translations; a batch of (number, source, target)."""
    from seq2seq.search import force_decode

    start = engine.start([source for _, source, _ in batch])
    found = force_decode(engine, start.memory, start.state, [target for _, _, target in batch])
    return [own.tolist() for own in found]


def windows_of(lines: Iterable[str], size: int) -> Iterator[list[str]]:
    """Yields the lines in lists of `size`, or fewer where they are long; the last one shorter.

    Where reading fails, what came before it comes first.
    """
    window: list[str] = []
    characters = 0
    try:
        for line in lines:
            window.append(line)
            characters += len(line)
            if len(window) == size or characters >= WINDOW_CHARACTERS:
                yield window
                window, characters = [], 0
    except Seq2SeqError:
        yield window
        raise
    if window:
        yield window


def _blank(line: str) -> Translation:
    """The translation of nothing."""
    return Translation(line, "", 0.0, 0.0, [], [], [])


def read_glossary(path: Path) -> dict[str, str]:
    """Returns the terms of a glossary file, plain or compressed; see `seq2seq.text.glossary.parse_glossary`.

    Raises:
        UserError: The file cannot be read, or a line is wrong; names the line.
    """
    return parse_glossary(read_lines(path), path)


def load(
    path: str | Path | Sequence[str | Path],
    *,
    engine: str = "auto",
    device: str = "auto",
    threads: int = 0,
    weights: Sequence[float] | None = None,
) -> Translator:
    """Opens a trained model, or several that translate as one.

    Args:
        path: A bundle's folder, a run's folder, or a run's name under `runs/`. A list of them is an ensemble: at each
            step their probabilities are averaged. The first one's recipe says how to search.
        engine: "onnx" (int8, on the CPU), "onnx-fp32", "torch", or "auto": torch on a GPU where there is one, else the
            fastest there is; see `seq2seq.engines.choose`.
        device: "auto", "cpu" or "cuda".
        threads: CPU cores to use; 0: all.
        weights: How much each model of an ensemble counts; None: all alike.

    Raises:
        UserError: There is no model, it is damaged, what the engine needs is missing, or the models of an ensemble do
            not read and write the same tokens.
    """
    bundles = [open_bundle(Path(one)) for one in ([path] if isinstance(path, str | Path) else path)]
    if not bundles:
        raise UserError("No model is given.", hint="Name one, or several that translate as one.")
    return from_bundle(
        bundles[0],
        others=bundles[1:],
        engine=engine,
        device=device,
        threads=threads,
        weights=weights,
    )


def from_bundle(
    bundle: Bundle,
    *,
    others: Sequence[Bundle] = (),
    engine: str = "auto",
    device: str = "auto",
    threads: int = 0,
    weights: Sequence[float] | None = None,
) -> Translator:
    """Makes the translator of an opened bundle, or of an ensemble of it and `others`; see `load`."""
    from seq2seq.engines.choose import open_engine

    tokenizers = TokenizerPair.load(bundle.tokenizers)
    opened = open_engine(bundle, tokenizers, engine=engine, device=device, threads=threads)
    if others or weights is not None:
        from seq2seq.engines.ensemble import Ensemble, check_alike

        check_alike([bundle, *others])
        rest = [open_engine(other, tokenizers, engine=engine, device=device, threads=threads) for other in others]
        opened = Ensemble([opened, *rest], weights)
    recipe = bundle.recipe
    return Translator(opened, tokenizers, build.normaliser(recipe.data), recipe.search, recipe.evaluation)
