"""Small networks of every kind, and what the tests of several rooms ask of them."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module

import torch
from torch import nn

from seq2seq import build
from seq2seq.nn.model import EncoderDecoder
from seq2seq.recipe.schema import Choice, Model
from seq2seq.registry import ATTENTIONS, CELLS, WIRINGS, Family

SYMBOLS = 13


def fits(wiring: str, attention: str) -> bool:
    """Whether a recipe may put the two together."""
    return (wiring == "fixed-vector") == (attention == "none")


JOINED = [(w, a) for w in WIRINGS for a in ATTENTIONS if fits(w, a)]
GRID = [(w, c, a) for w, a in JOINED for c in CELLS]


def tiny(wiring="parallel", cell="lstm", attention="multi-head", *, symbols=SYMBOLS, seed=1, size=8, **changes):
    """A network of `size` wide layers whose every number, biases too, is random: nothing hides behind a zero."""
    torch.manual_seed(seed)
    settings = {
        "embedding_size": size - 2,
        "encoder_size": size,
        "decoder_size": size,
        "bridge": "last",
        "dropout": 0.0,
        **changes,
    }
    model = build.model(
        Model(wiring=Choice(wiring), cell=Choice(cell), attention=Choice(attention), **settings),
        source_symbols=symbols,
        target_symbols=symbols,
    )
    return scramble(model)


def scramble(module):
    """Adds noise to every parameter."""
    with torch.no_grad():
        for weight in module.parameters():
            weight.add_(0.3 * torch.randn_like(weight))
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


def parameters(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


__all__ = [
    "GRID",
    "JOINED",
    "SYMBOLS",
    "EncoderDecoder",
    "concrete_members",
    "fits",
    "parameters",
    "random_batch",
    "registered",
    "scramble",
    "tiny",
]
