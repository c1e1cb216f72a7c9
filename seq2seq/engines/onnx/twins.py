"""Which class writes which: the table beside the registry's."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from seq2seq.errors import WorkError
from seq2seq.registry import ATTENTIONS, CELLS, WIRINGS, Family

if TYPE_CHECKING:
    from seq2seq.engines.onnx.attentions import AttentionTwin
    from seq2seq.engines.onnx.cells import CellTwin
    from seq2seq.engines.onnx.decoder import DecoderTwin


class NoTwinError(WorkError):
    """A member of a family that nobody has written as nodes."""


def _find(family: Family, member: object) -> Any:  # noqa: ANN401 - a class of whatever family this is
    for name in family:
        if type(member) is family.load(name):
            path = family.member(name).onnx
            if not path:
                break
            module, attribute = path.split(":")
            return getattr(import_module(module), attribute)
    raise NoTwinError(
        f"The {family.kind} {type(member).__name__} cannot be written as an ONNX graph yet.",
        hint="It translates with --engine torch.",
    )


def find_cell(cell: object) -> type[CellTwin]:
    """Returns the twin of a cell's class.

    Raises:
        NoTwinError: The registry names none.
    """
    from seq2seq.engines.onnx.cells import DeepTransitionTwin
    from seq2seq.nn.deep_transition import DeepTransition

    if type(cell) is DeepTransition:
        return DeepTransitionTwin
    return _find(CELLS, cell)  # type: ignore[no-any-return]


def find_attention(attention: object) -> type[AttentionTwin]:
    """Returns the twin of an attention's class.

    Raises:
        NoTwinError: The registry names none.
    """
    return _find(ATTENTIONS, attention)  # type: ignore[no-any-return]


def find_wiring(decoder: object) -> type[DecoderTwin]:
    """Returns the twin of a decoder's class.

    Raises:
        NoTwinError: The registry names none.
    """
    return _find(WIRINGS, decoder)  # type: ignore[no-any-return]
