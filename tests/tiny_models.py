"""Small networks of every kind, and what the tests of several rooms ask of them."""

from __future__ import annotations

import inspect
import itertools
import pkgutil
from importlib import import_module

import torch
from torch import nn

from seq2seq import build
from seq2seq.nn.model import EncoderDecoder
from seq2seq.recipe.schema import Choice, Model
from seq2seq.registry import ATTENTIONS, CELLS, WIRINGS, Family
from seq2seq.text.special import EOS, GO

SYMBOLS = 13


def fits(wiring: str, attention: str) -> bool:
    """Whether a recipe may put the two together."""
    return (wiring == "fixed-vector") == (attention == "none")


JOINED = [(w, a) for w in WIRINGS for a in ATTENTIONS if fits(w, a)]

# What a recipe's model says of each kind of cell: every cell with its defaults, and those that compute something else
# where a setting is changed.
CELL_KINDS: dict[str, dict[str, object]] = {
    **{name: {"cell": Choice(name)} for name in CELLS},
    "elman-relu": {"cell": Choice("elman", {"activation": "relu"})},
    "lstm-peepholes": {"cell": Choice("lstm", {"peepholes": True})},
    "gru-layer-norm": {"cell": Choice("gru"), "layer_norm": True},
}
# Tiny sentences need a tiny window, or it would never leave anything out.
ATTENTION_SETTINGS: dict[str, dict[str, int]] = {"local": {"window": 1}}
GRID = [(w, c, a) for w, a in JOINED for c in CELL_KINDS]

MIXED = {
    "encoder_layers": 2,
    "encoder_cells": (Choice("jordan"), Choice("lstm")),
    "decoder_layers": 3,
    "decoder_cells": (Choice("gru"), Choice("lstm", {"peepholes": True}), Choice("elman")),
}
TRANSITION = {"encoder_transition": 2, "decoder_transition": 3}
RESIDUAL = {"encoder_layers": 2, "decoder_layers": 3, "residual": True}
EXTRAS = {
    f"{wiring} {attention} {name}": {"wiring": wiring, "attention": attention, **changes}
    for wiring, attention in [("parallel", "dot"), ("input-feeding", "general"), ("fixed-vector", "none")]
    for name, changes in {
        "mixed": MIXED,
        "residual": RESIDUAL,
        "transition": TRANSITION,
        "layer norm": {"layer_norm": True},
        "all of them": {**MIXED, **RESIDUAL, **TRANSITION, "layer_norm": True, "recurrent_dropout": 0.4},
    }.items()
}
SECOND = {
    f"parallel {attention} second after {after} of 3": {
        "wiring": "parallel",
        "attention": attention,
        "decoder_layers": 3,
        "second_attention": after,
        "residual": after == 2,
    }
    for attention, after in [("multi-head", 2), ("multi-head", 3), ("local", 2), ("additive", 3)]
}
LEXICAL = {
    f"{wiring} {attention} lexical": {"wiring": wiring, "attention": attention, "lexical": True, **changes}
    for wiring, attention, changes in [
        ("parallel", "multi-head", {}),
        ("parallel", "local", {"decoder_layers": 3, "second_attention": 2}),
        ("input-feeding", "additive", {"cell": "gru"}),
    ]
}
# Stacks of deep transitions with residual connections: BiDeep (Miceli Barone et al. 2017), 4 layers of 2 cells each.
BIDEEP = {
    "input-feeding additive BiDeep": {
        "wiring": "input-feeding",
        "attention": "additive",
        "cell": "gru-layer-norm",
        "encoder_layers": 4,
        "encoder_transition": 2,
        "decoder_layers": 4,
        "decoder_transition": 2,
        "residual": True,
    }
}
NETWORKS: dict[str, dict[str, object]] = {
    **{" ".join(kind): dict(zip(("wiring", "cell", "attention"), kind, strict=True)) for kind in GRID},
    **EXTRAS,
    **SECOND,
    **LEXICAL,
    **BIDEEP,
}
"""The whole grid and what else a network may be made of, by name: what to give `tiny`."""
ONE_CELL = [name for name, made in NETWORKS.items() if made.get("cell") in (None, "gru")]
"""Those to ask what does not touch the inside of a cell."""


def tiny(
    wiring="parallel",
    cell="lstm",
    attention="multi-head",
    *,
    symbols=SYMBOLS,
    seed=1,
    size=8,
    noise=0.3,
    heads=None,
    **changes,
):
    """A network of `size` wide layers whose every number, biases too, is random: nothing hides behind a zero."""
    torch.manual_seed(seed)
    settings = {
        "embedding_size": size - 2,
        "encoder_size": size,
        "decoder_size": size,
        "bridge": "last",
        "dropout": 0.0,
        **CELL_KINDS[cell],
        **changes,
    }
    own = ATTENTION_SETTINGS.get(attention, {}) if heads is None else {"heads": heads}
    model = build.model(
        Model(wiring=Choice(wiring), attention=Choice(attention, own), **settings),
        source_symbols=symbols,
        target_symbols=symbols,
    )
    return scramble(model, noise)


def scramble(module, noise=0.3):
    """Adds `noise` to every parameter."""
    with torch.no_grad():
        for weight in module.parameters():
            weight.add_(noise * torch.randn_like(weight))
    return module


def concrete_members(package: str, base: type) -> set[type]:
    """The classes under `package` that are whole members of the family of `base`, registered or not."""
    found = set()
    for module in pkgutil.iter_modules(import_module(package).__path__, package + "."):
        for _, value in inspect.getmembers(import_module(module.name), inspect.isclass):
            if issubclass(value, base) and not inspect.isabstract(value) and value.__module__ == module.name:
                found.add(value)
    return found


def registered(family: Family) -> set[type]:
    return {family.load(name) for name in family}


def random_batch(lengths_source, lengths_target, *, symbols=SYMBOLS, seed=3):
    """Random id lists without special ids."""
    generator = torch.Generator().manual_seed(seed)
    draw = lambda n: torch.randint(4, symbols, (n,), generator=generator).tolist()  # noqa: E731
    return [draw(n) for n in lengths_source], [draw(n) for n in lengths_target]


def log_prob(model, source, text) -> torch.Tensor:
    """log p(text | source), word by word."""
    memory = model.encode(torch.tensor([[*source, EOS]]), torch.tensor([len(source) + 1]))
    state, owner, total = model.start(memory), torch.tensor([0]), torch.zeros(())
    for last, word in itertools.pairwise([GO, *text, EOS]):
        step = model.step(torch.tensor([last]), memory, owner, state)
        total, state = total + step.logits.log_softmax(-1)[0, word], step.state
    return total


def parameters(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


__all__ = [
    "ATTENTION_SETTINGS",
    "BIDEEP",
    "CELL_KINDS",
    "EXTRAS",
    "GRID",
    "JOINED",
    "LEXICAL",
    "MIXED",
    "NETWORKS",
    "ONE_CELL",
    "SECOND",
    "SYMBOLS",
    "EncoderDecoder",
    "concrete_members",
    "fits",
    "log_prob",
    "parameters",
    "random_batch",
    "registered",
    "scramble",
    "tiny",
]
