"""Writing a bundle's folder `onnx/`, or a bundle that holds nothing else to run: built, compared with torch, kept."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from seq2seq import build
from seq2seq.bundle import Bundle
from seq2seq.bundle_facts import described_files
from seq2seq.engines.onnx.calibration import calibrate
from seq2seq.engines.onnx.export import WEIGHTS, Export, Written
from seq2seq.engines.onnx.folder import FACTS, FACTS_VERSION, FOLDER, INT8_WEIGHTS, Graphs, Sizes
from seq2seq.engines.onnx.onnx_engine import OnnxEngine
from seq2seq.engines.onnx.sample import DEVELOPMENT, RANDOM, development_sample
from seq2seq.engines.onnx.sessions import Session
from seq2seq.engines.onnx.verify import Sample, check, random_sample
from seq2seq.engines.onnx.weights import narrowed, saturates
from seq2seq.engines.torch_engine import load_engine
from seq2seq.folders import copy_files, describe, whole_folder, write_json
from seq2seq.text.pairs import TokenizerPair
from seq2seq.text.special import UNK

SAMPLE_SENTENCES = 64
PRECISIONS: Final = tuple(WEIGHTS)


def add_graphs(bundle: Bundle) -> dict[str, Any]:
    """Writes the graphs of all precisions into `bundle`, in the place of older ones.

    In the folder of its run, they are compared with torch on sentences of the development set, by which scales in 8
    bits are chosen. A model that stands alone is compared on random ids, and measures what it multiplies at each step,
    which takes more time: scales that random ids chose would cut off what words give.

    Args:
        bundle: A model.

    Returns:
        What `engine.json` says.

    Raises:
        WorkError: The network has a part that nobody has written as nodes, or the graphs do not give what torch gives.
        UserError: The bundle holds no weights that torch could read.
    """
    with whole_folder(bundle.path / FOLDER) as folder:
        facts = _write(folder, bundle, PRECISIONS)
        # Until the folder is whole, the bundle's list must not hold what is being replaced.
        bundle.with_files(FOLDER, {})
    bundle.with_files(FOLDER, describe(bundle.path / FOLDER))
    return facts


def copy_bundle(
    bundle: Bundle,
    path: Path,
    precision: str = "int8",
    *,
    card: Path | None = None,
) -> dict[str, Any]:
    """Writes a bundle that translates without torch, and only that: `bundle` with the graphs of one precision.

    In int8 it has no other weights than those. `card` is the model card that it gets, which may be what stands at
    `path` now. Scores that another engine gave are not the copy's, and left out. For the sentences and the errors see
    `add_graphs`.
    """
    with whole_folder(path) as folder:
        facts = _write(folder / FOLDER, bundle, [precision])
        copy_files(bundle.tokenizers, folder / bundle.tokenizers.name)
        if precision == "fp32":
            shutil.copyfile(bundle.weights, folder / bundle.weights.name)
        files = describe(folder)
        shutil.copyfile(bundle.path / "recipe.toml", folder / "recipe.toml")
        if card is not None:
            shutil.copyfile(card, folder / bundle.card.name)
        others = {name for name, how in bundle.facts.scored_with.items() if how.engine != precision}
        kept = bundle.facts.with_scores_of(lambda name: name not in others)
        replace(kept, files=described_files(files)).write(folder)
    return facts


def _write(folder: Path, bundle: Bundle, precisions: Sequence[str]) -> dict[str, Any]:
    tokenizers = TokenizerPair.load(bundle.tokenizers)
    reference = load_engine(bundle, tokenizers, device="cpu")
    sources: Sequence[Sequence[int]] = development_sample(bundle)
    ranges = calibrate(reference, sources) if sources else None
    told = DEVELOPMENT if sources else RANDOM
    sources = sources or random_sample(SAMPLE_SENTENCES, tokenizers.source.vocabulary_size, first=UNK + 1)
    sample = Sample(reference, sources)
    forbidden = build.never_written(tokenizers)
    found = {}
    for precision in precisions:
        written = Export(reference.model, precision, forbidden=forbidden, ranges=ranges).write()
        _save(written, precision, folder)
        found[precision] = {**written.facts, "differences": _verified(folder, written, precision, sample)}
    facts = {
        "schema_version": FACTS_VERSION,
        "network": build.digest(bundle.recipe.model),
        "weights": bundle.described_weights,
        "sample": told,
        "precisions": found,
    }
    write_json(folder / FACTS, facts)
    return facts


def _save(written: Written, precision: str, folder: Path) -> None:
    """Writes the graphs, and the weights that were made for them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, model in written.models.items():
        (folder / f"{name}.{precision}.onnx").write_bytes(model.SerializeToString(deterministic=True))
    if precision == "int8":
        from safetensors.numpy import save_file

        save_file(written.weights.arrays, folder / INT8_WEIGHTS)


def _verified(folder: Path, written: Written, precision: str, sample: Sample) -> dict[str, Any]:
    """Runs what was just written beside torch. Returns how far apart they are.

    On a processor that would cut off sums of bytes the weights are narrowed as they are for translating.
    """
    weights = written.weights.arrays
    if precision == "int8" and saturates():
        weights = narrowed(weights, written.weights.scales)
    sessions = {
        name: Session(folder / f"{name}.{precision}.onnx", {key: weights[key] for key in needed})
        for name, needed in written.facts["weights"].items()
    }
    sizes = Sizes(**{name: written.facts[name] for name in Sizes.__dataclass_fields__})
    found = sample.compare(OnnxEngine(Graphs(**sessions), sizes, precision=precision))
    check(found, precision)
    return found.to_dict()
