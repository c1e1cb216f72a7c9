"""A bundle's folder `onnx/`, as it is read: the graphs of one precision, their weights and `engine.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from seq2seq import build
from seq2seq.bundle import Bundle
from seq2seq.engines.onnx.sessions import Session
from seq2seq.engines.onnx.weights import Weights, narrowed, read_weights, saturates
from seq2seq.errors import UserError
from seq2seq.folders import check_version, read_json

FOLDER: Final = "onnx"
FACTS: Final = "engine.json"
FACTS_VERSION: Final = 1
INT8_WEIGHTS: Final = "int8.safetensors"
AGAIN: Final = "Make the graphs again, where torch is installed: seq2seq export MODEL"


@dataclass(frozen=True)
class Sizes:
    """What the graphs say of themselves.

    Attributes:
        source_symbols: Of the source vocabulary.
        target_symbols: Likewise.
        source_width: Of a row of the source table.
        target_width: Likewise.
        num_memory: Parts of the memory.
        num_state: Parts of the state.
        least_rows: 1, or 2 where a single row would be rounded otherwise than one among several.
    """

    source_symbols: int
    target_symbols: int
    source_width: int
    target_width: int
    num_memory: int
    num_state: int
    least_rows: int


class Graphs(NamedTuple):
    """The three graphs of a model, ready to run."""

    tables: Session
    encoder: Session
    step: Session


def has_graphs(bundle: Bundle, precision: str = "int8") -> bool:
    """Whether the bundle can be run in this precision: its graphs are there, readable, and of this very network.

    Raises:
        UserError: A newer version wrote them.
    """
    path = bundle.path / FOLDER / FACTS
    try:
        facts = read_json(path)
    except UserError:
        return False
    check_version(facts.get("schema_version"), FACTS_VERSION, path)
    try:
        _described(bundle, precision)
    except UserError:
        return False
    return True


def open_graphs(bundle: Bundle, precision: str) -> tuple[Graphs, Sizes]:
    """Opens the graphs of a bundle in one precision.

    Args:
        bundle: The model.
        precision: "int8" or "fp32".

    Raises:
        UserError: The bundle has no such graphs, or they are damaged or of a newer version.
    """
    folder = bundle.path / FOLDER
    described = _described(bundle, precision)
    weights = _weights(bundle, precision, described)
    try:
        sizes = Sizes(**{name: int(described[name]) for name in Sizes.__dataclass_fields__})
        given = {graph: {name: weights[name] for name in described["weights"][graph]} for graph in Graphs._fields}
    except KeyError as error:
        raise UserError(f"{folder / FACTS} and the weights do not fit: {error} is missing.", hint=AGAIN) from None
    opened = {graph: Session(folder / f"{graph}.{precision}.onnx", wanted) for graph, wanted in given.items()}
    return Graphs(**opened), sizes


def _described(bundle: Bundle, precision: str) -> Mapping[str, Any]:
    """Returns what `engine.json` says of a precision."""
    path = bundle.path / FOLDER / FACTS
    if not path.is_file():
        raise UserError(f"{bundle.path} has no ONNX graphs.", hint=f"{AGAIN}. Or use torch: --engine torch")
    facts = read_json(path)
    check_version(facts.get("schema_version"), FACTS_VERSION, path)
    if facts.get("network") != build.digest(bundle.recipe.model):
        raise UserError(f"{path.parent} was made of another network than the recipe in {bundle.path} says.", hint=AGAIN)
    weights = bundle.described_weights
    if weights and facts.get("weights") not in (None, weights):
        raise UserError(f"{path.parent} was made of other weights than {bundle.weights} holds.", hint=AGAIN)
    described = facts.get("precisions", {}).get(precision)
    if not isinstance(described, Mapping):
        raise UserError(f"{bundle.path} has no ONNX graphs in {precision}.", hint=AGAIN)
    return described


def _weights(bundle: Bundle, precision: str, described: Mapping[str, Any]) -> Weights:
    """Returns all weights of a precision, as this processor can multiply them."""
    if precision == "fp32":
        return read_weights(bundle.weights)
    weights = read_weights(bundle.path / FOLDER / INT8_WEIGHTS)
    return narrowed(weights, described.get("scales", {})) if saturates() else weights
