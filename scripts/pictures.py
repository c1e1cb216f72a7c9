"""Makes the pictures of the README from a trained run: python scripts/pictures.py RUN OUT [SENTENCE ...].

learning-curve.png is the run's own; attention.png is the heat map of the first sentence; repl.svg is a conversation,
recorded by rich. Nothing is drawn that the product does not draw.
"""

from __future__ import annotations

import io
import re
import shutil
import sys
from pathlib import Path

from rich.console import Console

import seq2seq
from seq2seq.bundle import find_run
from seq2seq.errors import Seq2SeqError, UserError
from seq2seq.plots.attention_map import attention_map
from seq2seq.serving.conversation import Conversation
from seq2seq.serving.session import PROMPT
from seq2seq.translator import Translator

SENTENCES = ("I do not drink milk.", "She is bigger than her brother.")
WIDTH = 84  # columns; wider than the widest line of the conversation, narrower than a README


def main(run: Path, out: Path, sentences: tuple[str, ...]) -> None:
    """Writes the three pictures into `out`."""
    folder = find_run(run)
    translator = seq2seq.load(folder.path)
    out.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_drawn(folder.pictures / "learning-curve.png"), out / "learning-curve.png")
    _draw_attention(translator, sentences[0], out / "attention.png")
    _record(translator, sentences, out / "repl.svg")
    for name in ("learning-curve.png", "attention.png", "repl.svg"):
        print(out / name)


def _drawn(path: Path) -> Path:
    if not path.is_file():
        raise UserError(f"{path} is missing.", hint="Training draws it: seq2seq train RUN")
    return path


def _draw_attention(translator: Translator, sentence: str, path: Path) -> None:
    translation = translator.translate(sentence, attention=True)
    if translation.attention is None:
        raise UserError("This model has no attention to draw.", hint="Give a run whose wiring has one.")
    attention_map(translation.source_tokens, translation.tokens, translation.attention, path)


def _record(translator: Translator, sentences: tuple[str, ...], path: Path) -> None:
    """Holds a conversation on a console that records, and exports it."""
    # The file takes what would go to the screen; only the recording is wanted.
    console = Console(
        record=True,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        width=WIDTH,
        highlight=False,
        legacy_windows=False,
    )
    conversation = Conversation(translator, console)
    first, *others = sentences
    for line in (
        first,
        ":scores",
        *(others or [first]),
        ":scores off",
        ":nbest 3",
        first,
        ":nbest 1",
        ":attention",
        first,
    ):
        console.print(f"{PROMPT}{line}", style="bold blue", markup=False)
        conversation.reply(line)
    svg = console.export_svg(title="seq2seq repl")
    # rich names a font on the web; a picture should ask nobody for anything, and any monospaced font will do.
    path.write_text(re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]), tuple(sys.argv[3:]) or SENTENCES)
    except Seq2SeqError as error:
        sys.exit(f"error: {error}")
