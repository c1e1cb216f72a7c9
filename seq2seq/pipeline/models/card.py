"""The model card: README.md in a bundle, which says to people what bundle.json and recipe.toml say to programs.

It is made of those two alone, so a bundle that was moved away can have it rewritten. It holds file names, fingerprints,
counts and scores, and no sentence of any text. Below a mark at its end the text is the user's: the licence, which only
they can state, and whatever else they wish to say; that part is kept whenever the card is written anew. A card without
the mark is theirs as a whole, and left alone. Like the recipe it is no part of the checksums: people may edit it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from msgspec.structs import replace

from seq2seq import console
from seq2seq.bundle import Bundle, open_bundle, run_owning
from seq2seq.bundle_facts import LearnedText, Machine
from seq2seq.errors import Seq2SeqError, UserError
from seq2seq.folders import read_json, write_text
from seq2seq.manifest import Manifest
from seq2seq.pipeline.models.card_text import card_text
from seq2seq.sections import UNTOLD, section_of

MARK: Final = "<!-- What stands below this line is yours: it is kept when this card is written anew. -->"
YOURS: Final = """

## Licence

Not stated. Whoever shares this model states it here; the terms of the text it was trained on may bind the model too.
"""


def write_card(bundle: Bundle) -> bool:
    """Writes README.md into a bundle, from what the bundle says of itself now.

    Where the bundle stands in its run, what the run knows of the training's time and machine goes into the bundle too.

    Returns:
        Whether it was written: a card from which the user took the mark is left as it is.

    Raises:
        OSError: It cannot be written.
        WorkError: The bundle was replaced in the meantime.
    """
    theirs = YOURS
    if bundle.card.is_file():
        _, mark, theirs = bundle.card.read_text("utf-8", errors="replace").partition(MARK)
        if not mark:
            return False
    trained = _trained(bundle)
    if trained is not None and trained != bundle.facts.training:
        bundle = bundle.with_facts(training=trained)
    write_text(bundle.card, f"{card_text(bundle)}\n{MARK}{theirs}")
    return True


def card_of_copy(bundle: Bundle, folder: Path) -> Path | None:
    """Returns the card of a copy of `bundle` that takes the place of `folder`: the one with something of its people's.

    That is the copy's own, where they have written into it; else the bundle's; None where there is neither.
    """
    own = folder / bundle.card.name
    if own.is_file():
        _, mark, theirs = own.read_text("utf-8", errors="replace").partition(MARK)
        if not mark or theirs != YOURS:
            return own
    return bundle.card if bundle.card.is_file() else None


def refresh_card(path: Path) -> None:
    """Writes the card of the bundle at `path` after other work is done: where that cannot be, it only says why."""
    try:
        write_card(open_bundle(path))
    except (OSError, Seq2SeqError) as error:
        console.warn(f"The model card is not up to date: {error.message if isinstance(error, Seq2SeqError) else error}")


def data_facts(manifest: Manifest) -> LearnedText:
    """Returns what a bundle tells of the text it was trained on: names, fingerprints and counts of a run's manifest."""
    splits = {name: split.pairs for name, split in manifest.splits.items()}
    report, corpora = manifest.cleaning.get("train"), manifest.corpora
    dropped = {reason: one.count for reason, one in report.dropped.items()} if report is not None else {}
    # Of a single one there is nothing more to say, unless a machine wrote part of it.
    more_to_say = len(corpora) > 1 or any(one.by or one.tag for one in corpora)
    return LearnedText(
        files=manifest.inputs.files,
        pairs=splits["train"],
        splits=splits,
        dropped=dropped or UNTOLD,
        corpora=tuple(replace(one, others={}) for one in corpora) if more_to_say else (),  # not known: no sentence
        cleaning=None if manifest.synthetic is None else manifest.synthetic.cleaning,
    )


def _trained(bundle: Bundle) -> Machine | None:
    """Returns what the run that a bundle stands in knows of its training; None where it stands in none."""
    run = run_owning(bundle.path)
    if run is None or not run.environment.is_file():
        return None
    try:
        told = {key: value for key, value in read_json(run.environment).items() if key != "schema_version"}
        return section_of(Machine, told, run.environment, hint="") if told else None
    except UserError:
        return None
