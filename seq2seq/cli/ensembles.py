"""Options that name several models, and what they open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from seq2seq.bundle import Bundle
    from seq2seq.translator import Translator

PANEL = "Several models"

WithOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--with",
        metavar="MODEL",
        help="Another model that has a say: the probabilities of all are averaged. May be given several times.",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]
WeightsOption = Annotated[
    str,
    typer.Option(
        "--weights",
        metavar="W,W,…",
        help="How much each model counts, MODEL first, then each --with. All alike where it is not given.",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]


@dataclass(frozen=True)
class Models:
    """One model, or several that translate as one.

    Attributes:
        bundles: The models, opened; the first one's recipe says how to search.
        weights: How much each counts; None: all alike.
    """

    bundles: Sequence[Bundle]
    weights: Sequence[float] | None

    @property
    def first(self) -> Bundle:
        """The model whose recipe counts."""
        return self.bundles[0]

    def facts(self) -> dict[str, str | float]:
        """Returns what these models are known by, for a person first and then for `--resume`.

        It is the same before and after `translator` has written the graphs of one that has none.
        """
        from seq2seq.pipeline.translate.resuming import of_model

        shares = ",".join(map(str, self.weights or []))
        return {
            "model": of_model(self.first),
            "--with": " ".join(of_model(other) for other in self.bundles[1:]),
            "--weights": shares,
        }

    def translator(self, *, engine: str, device: str, threads: int) -> Translator:
        """Makes the translator of all of them.

        Raises:
            UserError: They do not read and write the same tokens, or what the engine needs is missing.
        """
        from seq2seq.translator import from_bundle

        return from_bundle(
            self.first, others=self.bundles[1:], engine=engine, device=device, threads=threads, weights=self.weights
        )


def open_models(model: Path, others: Sequence[Path] | None, weights: str) -> Models:
    """Opens the models that the options name.

    Raises:
        UserError: There is no such model, or the weights are not one positive number a model.
    """
    from seq2seq.bundle import open_bundle

    paths = [model, *(others or [])]
    shares = _weights(weights, len(paths)) if weights else None
    return Models([open_bundle(path) for path in paths], shares)


def _weights(text: str, count: int) -> list[float]:
    """Returns the numbers in a text like "2,1,1"."""
    from math import isfinite

    from seq2seq.errors import UserError

    if count == 1:
        raise UserError("--weights is for several models.", hint="Name the others: --with MODEL")
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        raise UserError(
            f"--weights {text} is no list of numbers.", hint="Give one a model, commas between: --weights 2,1"
        ) from None
    if len(found) != count:
        raise UserError(
            f"--weights {text} has {len(found)} numbers, and there are {count} models.",
            hint="Give one a model, MODEL first, then each --with.",
        )
    if not all(isfinite(share) and share > 0 for share in found):
        raise UserError(f"--weights {text}: each must be above 0.", hint="Leave out the model that is not to count.")
    return found
