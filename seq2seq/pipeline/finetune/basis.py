"""The model's part in the new run: its vocabulary, the weights to start from, and the text it was trained on.

The run's folder holds all of it, so that `seq2seq train` goes on in it like in any other.
"""

from __future__ import annotations

from math import inf
from pathlib import Path
from shutil import copyfile

from seq2seq.bundle import Bundle
from seq2seq.folders import checksum
from seq2seq.manifest import Start, StartingModel, StartInputs
from seq2seq.pipeline.finetune.mixing import Mixed
from seq2seq.pipeline.finetune.old_text import OldText
from seq2seq.pipeline.prepare.basis import Basis
from seq2seq.pipeline.prepare.stored import StoredPairs
from seq2seq.text.pairs import TokenizerPair


def basis(
    bundle: Bundle,
    tokenizers: TokenizerPair,
    old: OldText | None,
    *,
    old_share: float,
    command: str,
    passes: float = inf,
) -> Basis:
    """Returns the model's part in the new run.

    Args:
        bundle: The model.
        tokenizers: Its tokenizers.
        old: The text it was trained on, where that is at hand.
        old_share: Share of the pairs learned from that are old ones.
        command: What makes the run again.
        passes: How often training reads each new pair. It is known then how many old ones it reads, and no more of them
            are taken than that and some to spare.
    """
    weights = checksum(bundle.weights)
    told = StartingModel(
        name=bundle.facts.name or bundle.recipe.name,
        update=bundle.facts.update or 0,
        weights=weights,
        old_share=old_share,
    )
    texts = {**old.sets, **({"train": old.run.split("train")} if old_share else {})} if old else {}
    checksums = {name: checksum(path) for name, path in texts.items()}
    return Basis(
        tokenizers,
        inputs=StartInputs(weights=weights, old_share=old_share, old=checksums),
        facts=Start(
            weights=weights, told=told, command=command, old=str(old.run.path.absolute()) if old is not None else ""
        ),
        sets={name: StoredPairs(path) for name, path in (old.sets if old else {}).items()},
        added=Mixed(old, old_share, passes, bundle.recipe.data.seed)
        if old and old_share
        else lambda gathered: gathered,
        save=lambda run: _copy(bundle.weights, run.start),
    )


def _copy(weights: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    copyfile(weights, place)
