"""seq2seq neighbours."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seq2seq.cli.options import JsonOption, ModelArgument

if TYPE_CHECKING:
    from seq2seq.pipeline.models.neighbours import Answer


class Side(StrEnum):
    """Whose words."""

    SOURCE = "source"
    TARGET = "target"


EXAMPLES = (
    ("seq2seq neighbours runs/demo milk", "the ten words that the model holds for most like milk"),
    ("seq2seq neighbours runs/demo lait --side target", "in the other language"),
    ("seq2seq neighbours runs/demo milk --map milk.png", "and where they lie on a map of the vocabulary"),
    ("seq2seq neighbours runs/demo --map words.png --words 500", "the map of the 500 most frequent words alone"),
)


def neighbours(
    model: ModelArgument,
    word: Annotated[
        str, typer.Argument(metavar="[WORD]", help="Any word. May be left out with --map.", show_default=False)
    ] = "",
    count: Annotated[int, typer.Option("--count", min=1, help="How many neighbours to show.")] = 10,
    side: Annotated[Side, typer.Option("--side", help="Whose words: the source's or the target's.")] = Side.SOURCE,
    picture: Annotated[
        Path | None,
        typer.Option("--map", metavar="FILE.png", help="Draw a map of the vocabulary here.", show_default=False),
    ] = None,
    words: Annotated[int, typer.Option("--words", min=2, max=5000, help="How many words to draw on the map.")] = 300,
    as_json: JsonOption = False,
) -> None:
    """Show which words a model holds for alike, and draw a map of them.

    Words are compared by the cosine of the angle between their embeddings: 1 is the same direction, 0 nothing in
    common. Where both languages share one embedding, translations are neighbours too.
    """
    from seq2seq import console
    from seq2seq.errors import UserError
    from seq2seq.pipeline.models.neighbours import check_map, draw_map, open_words

    if not word and picture is None:
        raise UserError("There is no word to look for.", hint="Give a word, or --map FILE.png for a map of all.")
    if picture is not None:
        check_map(picture)
    opened = open_words(model, side.value)
    answer = opened.nearest(word, count) if word else None
    drawn = draw_map(opened, picture, num_words=words, answer=answer) if picture is not None else None
    if as_json:
        console.emit_json({**(answer.to_dict() if answer else {"side": side.value}), "map": drawn})
        return
    if answer:
        _show(answer)
    if drawn:
        console.say(f"drew {drawn['words']:,} words, {drawn['labelled']:,} of them labelled: {drawn['file']}")


def _show(answer: Answer) -> None:
    from seq2seq import console
    from seq2seq.plots.characters import printable

    if len(answer.pieces) > 1:
        pieces = " ".join(printable(piece) for piece in answer.pieces)
        console.say(
            f"{printable(answer.word)!r} is {len(answer.pieces)} pieces of the vocabulary, {pieces}: the mean of their "
            "vectors is compared."
        )
    elif answer.placeholder:
        console.say(
            f"{printable(answer.word)!r} is no word of its own: {printable(answer.pieces[0])} stands for all of its "
            "kind, and its vector is compared."
        )
    for neighbour in answer.neighbours:
        console.emit(f"{neighbour.similarity:.3f}\t{printable(neighbour.word)}")
