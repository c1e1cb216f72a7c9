"""backtranslate: pairs of text in the target language alone (Sennrich, Haddow & Birch 2016).

A model that translates the other way writes the source of each sentence. The target is a person's, so the network
learns to write as people do; the source is a machine's, so each of them begins with a tag that says so (Caswell, Chelba
& Grangier 2019): what is odd about such sources is not taken for how people write. A source without the tag is
translated as one of the genuine pairs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import exp, log
from pathlib import Path
from typing import Final

from seq2seq import console
from seq2seq.bundle import RunFolder
from seq2seq.corpus.files import read_lines
from seq2seq.corpus.pair import Pair
from seq2seq.manifest import Synthetic
from seq2seq.pipeline.prepare.basis import check_from_scratch
from seq2seq.pipeline.prepare.prepare import Prepared
from seq2seq.pipeline.synthetic.corpora import Rows, corpora_of, free_name, made_corpus, named, write_out
from seq2seq.pipeline.synthetic.files import side_by_side
from seq2seq.pipeline.synthetic.pacing import paced
from seq2seq.pipeline.synthetic.place import begin, texts
from seq2seq.pipeline.synthetic.preparing import Made, prepared
from seq2seq.pipeline.synthetic.selecting import held_out, reading, select
from seq2seq.pipeline.synthetic.settings import ANOTHER, asked, recipe_of
from seq2seq.pipeline.synthetic.sieving import Sieve, sieved
from seq2seq.pipeline.synthetic.writing import Author, check_direction, translated, way_of
from seq2seq.recipe.schema import Recipe
from seq2seq.text.tagged import BACK_TRANSLATED

COMMAND: Final = "backtranslate"
NAME: Final = "backtranslated"
MOST_FOR_ONE: Final = 2.0
"""Synthetic pairs drawn for each genuine one, at most, unless a person says otherwise: with more, what a small corpus
teaches of the other side is drowned."""


_LARGEST: Final = 700.0
"""Of what e is raised to: beyond it are no floats."""


@dataclass(frozen=True)
class Wish:
    """What is to be made of which text.

    Attributes:
        files: Text in the target language.
        most: How many sentences to take; 0: all.
        tag: What stands before each synthetic source; empty: nothing.
        weight: How much more often than its size says a synthetic pair is drawn; None: as `usual_weight` says.
        sieve: Which pairs are worth training on.
    """

    files: Sequence[Path]
    most: int = 0
    tag: str = BACK_TRANSLATED
    weight: float | None = None
    sieve: Sieve = field(default_factory=Sieve)


def backtranslate(
    author: Author,
    of: RunFolder,
    run: RunFolder,
    wish: Wish,
    *,
    minutes: float | None = None,
    settings: Sequence[str] = (),
    resume: bool = False,
    threads: int = 0,
) -> Prepared:
    """Lets a model translate back, and prepares a run on that and on another run's pairs.

    Args:
        author: The model, which translates the other way.
        of: The run whose pairs, vocabulary and held-out sets the new one takes over.
        run: The new run.
        wish: What is to be made.
        minutes: How long its training may take; None: as `of`'s.
        settings: Changes of its recipe, "section.key=value".
        resume: Whether to go on with a translation that was interrupted.
        threads: How many processes may share choosing and preparing; 0: one a core.

    Raises:
        UserError: `of` was fine-tuned; the model does not translate from its target language into its source language;
            or nothing is left to translate or to train on.
    """
    check_from_scratch(of, other=ANOTHER)  # before its direction: turned round, it would be none either
    source, target = way_of(of)
    check_direction(author.bundle, (target, source), hint=_other_way(of))
    folder, data = texts(run), reading(of)
    corpora = corpora_of(of)
    name = free_name(NAME, corpora)

    def recipe(corpora: Sequence[Rows], weight: float) -> Recipe:
        own = made_corpus(name, weight=weight, tag=wish.tag)
        every = (*named(corpora), own)
        return recipe_of(of, run.path.name, every, minutes=minutes, settings=settings)

    first = recipe(corpora, 1.0)  # a setting that cannot be is refused now, and not after hours
    begin(run, COMMAND)
    selected, written = folder / f"{name}.selected", folder / f"{name}.written"
    report = select(_given(wish.files), selected, data=data, excluded=held_out(of, "target"), most=wish.most)
    translated(author, selected, written, resume=resume)
    # What the model read is the target of what is learned, and what it wrote is the source.
    pairs = side_by_side(written, selected)
    left = sieved(pairs, folder, name, wish.sieve, total=report.kept, threads=threads)
    weight = wish.weight or usual_weight(corpora, left.kept, first.data.temperature)
    if wish.weight is None and weight < 1:
        console.say(
            f"each pass draws only part of the {left.kept:,} synthetic pairs, {MOST_FOR_ONE:g} for each genuine one"
            f"{', those of before included' if any(map(_is_earlier, corpora)) else ''} (--weight changes that)"
        )
        corpora = make_room(corpora, weight)
    write_out(of, folder, corpora)
    notes = Synthetic(by=COMMAND, of=str(of.path), models=dict(author.facts), search=author.settings.name)
    made, told = Made(name, report, left), asked(minutes, settings)
    preset = paced(recipe(corpora, weight), of, corpora, left.kept, asked=told)
    return prepared(preset, run, of, made, notes=notes, asked=told, threads=threads)


def _other_way(of: RunFolder) -> str:
    """Says how a model for the other direction is made of the same pairs."""
    folder = of.read_manifest().folder
    parts = ["seq2seq", "prepare", str(of.recipe), "--reverse", "--run", f"{of.path}-reversed"]
    return f"Train one for the other direction: {console.quoted(*parts, *(['--data', folder] if folder else []))}"


def _given(files: Sequence[Path]) -> Iterator[Pair]:
    for path in files:
        for line, text in enumerate(read_lines(path), start=1):
            yield Pair(line, text, "")


def usual_weight(corpora: Sequence[Rows], synthetic_pairs: int, temperature: float) -> float:
    """Returns the weight of synthetic pairs: 1, or less where they would come more than twice as often as genuine ones.

    A corpus of n pairs has a share of w n^(1/T) (see `seq2seq.data.mixing`). With g the sum of these over the corpora
    that people wrote, the m new pairs have room where m^(1/T) and the shares of what was translated back before are no
    more than 2 g. Where they are more, all that was translated back gets one weight, 2 g / (m^(1/T) + sum_j n_j^(1/T)):
    see `make_room`.

    The corpora that people wrote have no tag, and no command had a side of them written. Where there is none, those
    count that were not translated back: a student of its teachers' pairs alone has genuine sources at least.
    """
    candidates = [corpus for corpus in corpora if not corpus.tag and not _is_earlier(corpus)]
    counted = [corpus for corpus in candidates if not corpus.by] or candidates
    earlier = [corpus for corpus in corpora if _is_earlier(corpus)]

    def times(corpus: Rows) -> float:
        # A quotient: a low temperature raises the sizes themselves to powers beyond all floats.
        return exp(min((log(len(corpus)) - log(synthetic_pairs)) / temperature, _LARGEST))

    most = MOST_FOR_ONE * sum(corpus.weight * times(corpus) for corpus in counted)
    if most >= 1 + sum(corpus.weight * times(corpus) for corpus in earlier):
        return 1.0
    most /= 1 + sum(map(times, earlier))
    return float(f"{most:.3g}") if 0 < most < 1 else 1.0


def make_room(corpora: Sequence[Rows], weight: float) -> list[Rows]:
    """Returns the corpora, of which those that were translated back before weigh no more than what is new."""
    return [replace(one, weight=min(one.weight, weight)) if _is_earlier(one) else one for one in corpora]


def _is_earlier(corpus: Rows) -> bool:
    """Whether it was translated back."""
    return corpus.by == COMMAND
