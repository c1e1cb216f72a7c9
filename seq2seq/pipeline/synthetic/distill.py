"""distill: a student learns from what its teachers write (Kim & Rush 2016, "Sequence-Level Knowledge Distillation").

The teachers translate the sources of their run's training set by beam search, and the student trains on their
translations, which are easier to learn than people's: they say the same thing in the same way each time. Beside them it
trains on the original pairs, so that it does not only learn its teachers' habits. A teacher is one model or several,
whose probabilities are averaged at each step; the student runs as fast as one.

With `nearest`, each source gets that one of the teachers' n best translations which is most like its reference, by the
BLEU of the single sentence: the paper's sequence-level interpolation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from msgspec.structs import replace as changed

from seq2seq.bundle import RunFolder
from seq2seq.corpus.files import read_lines
from seq2seq.corpus.pair import Pair
from seq2seq.errors import UserError
from seq2seq.manifest import Synthetic
from seq2seq.pipeline.prepare.prepare import Prepared
from seq2seq.pipeline.synthetic.corpora import Rows, corpora_of, free_name, made_corpus, named, stored, write_out
from seq2seq.pipeline.synthetic.files import side_by_side
from seq2seq.pipeline.synthetic.nearest import found, nearest
from seq2seq.pipeline.synthetic.pacing import paced
from seq2seq.pipeline.synthetic.place import begin, texts
from seq2seq.pipeline.synthetic.preparing import Made, prepared
from seq2seq.pipeline.synthetic.selecting import held_out, reading, select
from seq2seq.pipeline.synthetic.settings import asked, recipe_of
from seq2seq.pipeline.synthetic.sieving import Sieve, sieved
from seq2seq.pipeline.synthetic.writing import Author, check_direction, translated, way_of
from seq2seq.pipeline.translate.formats import Format
from seq2seq.recipe.toml import load_recipe

COMMAND: Final = "distill"
NAME: Final = "distilled"


@dataclass(frozen=True)
class Wish:
    """What a student is to learn from.

    Attributes:
        files: Text in the source language that the teachers translate in the place of their run's sources.
        keep: Whether the student trains on the original pairs too.
        weight: How much more often than its size says a distilled pair is drawn; None: no more often.
        nearest: How many translations of each source the one that is most like its reference is taken from, at least
            2; 0: the likeliest is taken.
        sieve: Which pairs are worth training on.
    """

    files: Sequence[Path] = ()
    keep: bool = True
    weight: float | None = None
    nearest: int = 0
    sieve: Sieve = field(default_factory=Sieve)


def distill(
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
    """Lets the teachers translate, and prepares a run on what they wrote.

    Args:
        author: The teachers.
        of: The run whose pairs, vocabulary and held-out sets the new one takes over.
        run: The new run.
        wish: What it is to learn from.
        minutes: How long its training may take; None: as `of`'s.
        settings: Changes of its recipe, "section.key=value".
        resume: Whether to go on with a translation that was interrupted.
        threads: How many processes may share choosing and preparing; 0: one a core.

    Raises:
        UserError: The teachers translate another way, nothing is left to translate or to train on, or `nearest` is 1,
            or asked for where there are no references, by a search that finds one translation, or where BLEU's
            tokenizer is not there; or there is a weight and nothing to weigh against.
    """
    _check(author, of, wish)
    if wish.nearest:  # of the likeliest: those that are most like each other are another choice
        author = replace(author, settings=changed(author.settings, mbr=0))
    folder, before = texts(run), load_recipe(of.recipe)
    corpora = corpora_of(of)
    name = free_name(NAME, corpora)
    kept = corpora if wish.keep else []
    own = made_corpus(name, weight=wish.weight or 1.0)
    # Before the work: a setting that cannot be is refused now, and not after hours; so is a missing tokenizer.
    choose = nearest(before.evaluation) if wish.nearest else None
    recipe = recipe_of(of, run.path.name, (*named(kept), own), minutes=minutes, settings=settings)
    begin(run, COMMAND)
    selected, written, references = (folder / f"{name}.{what}" for what in ("selected", "written", "references"))
    report = select(
        _given(of, corpora, wish.files),
        selected,
        data=reading(of),
        excluded=held_out(of, "source"),
        references=references if wish.nearest else None,
    )
    form = Format(nbest=wish.nearest) if wish.nearest else Format()
    translated(author, selected, written, form=form, resume=resume)
    given = found(selected, references, written) if choose else side_by_side(selected, written)
    left = sieved(given, folder, name, wish.sieve, total=report.kept, threads=threads, pairs_of=choose)
    made = Made(name, report, left)
    write_out(of, folder, kept)
    told = asked(minutes, settings)
    preset = paced(recipe, of, kept, left.kept, asked=told)
    return prepared(preset, run, of, made, notes=_notes(author, of), asked=told, threads=threads)


def _check(author: Author, of: RunFolder, wish: Wish) -> None:
    if wish.nearest == 1:
        raise UserError("--nearest 1 leaves no choice.", hint="Give 2 or more, or 0 for the likeliest.")
    if wish.weight is not None and not wish.keep:
        raise UserError(
            "--weight is for distilled pairs beside original ones, and --only-distilled leaves no original ones.",
            hint="Leave out one of the two.",
        )
    check_direction(author.bundle, way_of(of), hint="Choose a run of the same languages with --of.")
    if not wish.nearest:
        return
    if wish.files:
        raise UserError(
            "--nearest compares translations with the references of the run's pairs, and --source has none.",
            hint="Leave out one of the two.",
        )
    if author.settings.name == "greedy":
        raise UserError("--nearest needs several translations, and greedy search finds one.", hint="Set --beam 5.")


def _notes(author: Author, of: RunFolder) -> Synthetic:
    return Synthetic(by=COMMAND, of=str(of.path), models=dict(author.facts), search=author.settings.name)


def _given(of: RunFolder, corpora: Sequence[Rows], files: Sequence[Path]) -> Iterator[Pair]:
    """Yields what the teachers are to translate, each with its reference where there is one."""
    if not files:
        yield from stored(of, [corpus for corpus in corpora if _has_genuine_sources(corpus)])
    for path in files:
        for line, text in enumerate(read_lines(path), start=1):
            yield Pair(line, text, "")


def _has_genuine_sources(corpus: Rows) -> bool:
    """Whether people wrote the sources, as far as is known: what a model wrote is nothing to learn to translate.

    It stands behind a tag, or another command than this one had it written: teachers write targets.
    """
    return not corpus.tag and corpus.by in ("", COMMAND)
