"""From a bundle to translations: the one object that programs, commands and the conversation all use.

What a call wants is checked in `request`. Its lines are cut into `jobs`, which go through `searching` in batches, and
`writing` makes translations of what is found. `scoring` asks the same engine about translations that there are already.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, overload

from seq2seq import build
from seq2seq.bundle import Bundle, open_bundle
from seq2seq.errors import UserError
from seq2seq.recipe.schema import Evaluation
from seq2seq.recipe.schema import Search as SearchSettings
from seq2seq.text.normaliser import Normaliser
from seq2seq.text.pairs import TokenizerPair
from seq2seq.translating.jobs import Cutter
from seq2seq.translating.request import Asker, Request, changed, lines_of, read_glossary
from seq2seq.translating.scoring import MOST_SCORED_TOKENS, Scorer
from seq2seq.translating.searching import Searcher
from seq2seq.translating.translation import Scored, Translation
from seq2seq.translating.windows import WINDOW_BATCHES, WINDOW_CHARACTERS, windows_of
from seq2seq.translating.writing import Writer, together

if TYPE_CHECKING:
    from seq2seq.engines.engine import Engine

__all__ = [
    "MOST_SCORED_TOKENS",
    "WINDOW_BATCHES",
    "WINDOW_CHARACTERS",
    "Scored",
    "Translation",
    "Translator",
    "from_bundle",
    "load",
    "read_glossary",
    "windows_of",
]


class Translator:
    """Translates text, and scores translations. Any number of threads may share one.

    Args:
        engine: Computes the steps, of as many batches at a time as its `parallel` says.
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
        self.normaliser = normaliser
        self.settings = settings
        self.evaluation = evaluation or Evaluation()
        self._ask = Asker(tokenizers.target, normaliser)
        self._cut = Cutter(tokenizers, normaliser)
        self._writer = Writer(tokenizers)
        self._search = Searcher(tokenizers, self._writer)
        self._score = Scorer(tokenizers, normaliser, self._writer.target_pieces)

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
            banned: Words and phrases that no translation may hold; see `seq2seq.translating.banning.Banned`.
            min_length: Tokens of a translation, at least; of each part, where there are parts.
            no_repeat_ngram: So many tokens in a row stand in a translation but once; 0: as often as they like.
            coverage_penalty: What it costs a translation not to look at a source token; of beam search.
            mbr: Candidates, of which the one that is most like all others is taken; see
                `seq2seq.translating.minimum_bayes`. 0: the likeliest is.

        Raises:
            UserError: A setting is out of range, or nothing can begin with `prefix` or do without what is banned.
            TypeError: `text` is neither text nor a list of texts.
        """
        lines = lines_of(text)
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

        Where a search or a beam is asked for without `mbr`, no candidates are compared.

        Raises:
            UserError: The beam is not a positive number, or `mbr` out of range. What else is out of range, the search
                refuses.
        """
        others = {"min_length": min_length, "no_repeat_ngram": no_repeat_ngram, "coverage_penalty": coverage_penalty}
        return changed(self.settings, search=search, beam=beam, mbr=mbr, others=others)

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
        request = self._ask(settings or self.settings, self.evaluation, nbest, prefix, attention, glossary, banned)
        for lines in windows:
            yield from self._window(lines, first, request)
            first += len(lines)

    def _window(self, lines: Sequence[str], first: int, request: Request) -> Iterator[Translation]:
        """Yields the translations of one window, whose sentences and parts of sentences are batched together."""
        jobs = self._cut(lines, first, request)
        found = self._search([job for own in jobs for job in own], request, self.engine)
        done = {number: self._writer.translation(*one, request) for number, one in found.items()}
        for line, own in zip(lines, jobs, strict=True):
            yield together(line, own, done, request.nbest)

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
        return self._score(sources, targets, self.settings, self.engine)


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
