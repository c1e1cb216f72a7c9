"""info: what a network is made of."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from seq2seq import build
from seq2seq.bundle import RunFolder, find_run, open_bundle
from seq2seq.bundle_facts import BundleFacts
from seq2seq.errors import UserError
from seq2seq.nn.cells import Cell
from seq2seq.nn.model import EncoderDecoder
from seq2seq.recipe.catalog import find_recipe
from seq2seq.recipe.overrides import apply_overrides
from seq2seq.recipe.schema import Recipe
from seq2seq.recipe.toml import load_recipe
from seq2seq.text.pairs import TokenizerPair

TRAINING_COPIES = 4  # weights, gradients, two moments; the average is one more


@dataclass(frozen=True)
class Layer:
    """One part of the network: its name, what it is, the shape of its output and the weights it owns."""

    name: str
    kind: str
    shape: str
    parameters: int


@dataclass(frozen=True)
class Summary:
    """A network, layer by layer.

    Attributes:
        name: Of the recipe.
        layers: In the order that data takes; a weight that is shared counts where it is met first.
        parameters: All weights, shared ones once.
        training_bytes: What training holds besides activations.
        averages: Whether an average of the weights is among that.
        kernel: Which layers run whole sequences in a kernel, and which run step by step and why.
        scores: Of the bundle, by test set.
        refined: How the bundle's model was refined after the ordinary training; empty where it was not.
    """

    name: str
    layers: list[Layer]
    parameters: int
    training_bytes: int
    averages: bool
    kernel: str
    scores: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    refined: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Returns the summary as JSON values."""
        return asdict(self)


def summarise(given: Path, assignments: list[str]) -> Summary:
    """Describes the network of a run, a bundle or a recipe.

    Raises:
        UserError: There is nothing of that name.
    """
    recipe, sizes, facts = _find(given)
    recipe = apply_overrides(recipe, assignments)
    source_symbols, target_symbols = sizes or (recipe.text.vocabulary_size, recipe.text.vocabulary_size)
    network = build.model(recipe.model, source_symbols=source_symbols, target_symbols=target_symbols)
    parameters = sum(weight.numel() for weight in network.parameters())
    averages = recipe.training.average > 0
    scores = {} if facts is None else facts.scores
    return Summary(
        recipe.name,
        _layers(network),
        parameters,
        4 * (TRAINING_COPIES + averages + recipe.training.average_looks) * parameters,
        averages,
        _kernel(recipe, network),
        {split: [one.to_dict() for one in found] for split, found in scores.items()},
        _refined(facts),
    )


def _find(given: Path) -> tuple[Recipe, tuple[int, int] | None, BundleFacts | None]:
    """Returns of what `given` names the recipe, the vocabularies' sizes (None: the recipe's) and the bundle's facts."""
    try:
        run: RunFolder | None = find_run(given)
    except UserError:
        run = None
    if run is not None and not (run.bundle / "bundle.json").is_file():
        return load_recipe(run.recipe), _vocabularies(TokenizerPair.load(run.tokenizers)), None
    if run is not None or (given / "bundle.json").is_file():
        bundle = open_bundle(given)
        return bundle.recipe, _vocabularies(TokenizerPair.load(bundle.tokenizers)), bundle.facts
    try:
        path = find_recipe(given)
    except UserError as error:
        raise UserError(f"{given} is no run, no bundle and no recipe.", hint=error.hint) from None
    return load_recipe(path), None, None


def _refined(facts: BundleFacts | None) -> dict[str, Any]:
    """What a bundle tells of its second stage of training, with the development scores that came of it."""
    if facts is None or facts.refined is None:
        return {}
    return {**facts.refined.to_dict(), "development": dict(facts.development)}


def _vocabularies(tokenizers: TokenizerPair) -> tuple[int, int]:
    return tokenizers.source.vocabulary_size, tokenizers.target.vocabulary_size


def _layers(network: EncoderDecoder) -> list[Layer]:
    counted: set[int] = set()
    layers: list[Layer] = []
    for name, module in network.named_modules(remove_duplicate=True):
        shape = _output(module)
        if shape is None or any(name.startswith(layer.name + ".") for layer in layers):
            continue
        new = [w for w in module.parameters() if id(w) not in counted]
        counted |= {id(w) for w in new}
        layers.append(Layer(name, type(module).__name__, shape, sum(w.numel() for w in new)))
    return layers


def _output(module: nn.Module) -> str | None:
    """The shape of what a module gives, for the modules that are worth a line."""
    from seq2seq.nn.attention import Attention
    from seq2seq.nn.output import Output

    if isinstance(module, nn.Embedding):
        return f"[batch, time, {module.embedding_dim}]"
    if isinstance(module, Cell):
        return f"[batch, time, {module.hidden_size}]"
    if isinstance(module, Attention):
        return f"[batch, target, {module.context_size}]"
    if isinstance(module, nn.Linear):
        return f"[batch, {module.out_features}]"
    if isinstance(module, Output):
        return f"[tokens, {module.weight.shape[0]}]"
    return None


def _kernel(recipe: Recipe, network: EncoderDecoder) -> str:
    """How the layers run over a sequence; those that run alike are told together."""
    encoder = _runs("encoder", network.encoder.layers)
    if recipe.model.wiring.name == "input-feeding":
        decoder = {"step by step: each step needs the context of the last": ["decoder"]}
    else:
        decoder = _runs("decoder", network.decoder.cells)
    if encoder.keys() == decoder.keys() and len(encoder) == 1:
        return next(iter(encoder))
    return "; ".join(f"{' and '.join(names)}: {how}" for part in (encoder, decoder) for how, names in part.items())


def _runs(stack: str, layers: nn.ModuleList) -> dict[str, list[str]]:
    """Returns which layers of a stack run in which way; both directions of a layer run alike."""
    ways: dict[str, list[str]] = {}
    for number, layer in enumerate(layers, start=1):
        cell = next(module for module in layer.modules() if isinstance(module, Cell))
        ways.setdefault(cell.execution, []).append(f"{stack} layer {number}")
    return ways if len(ways) > 1 else {how: [stack] for how in ways}
