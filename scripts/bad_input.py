#!/usr/bin/env python
"""Makes every mistake of `tests/bad_inputs.py` with the real commands and prints what each one is told.

    python scripts/bad_input.py            a table in Markdown; the last line is one JSON object

A toy model is trained first, which takes some seconds. The exit code is 1 where a command shows a traceback.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bad_inputs import MISTAKES, Mistake, Place  # noqa: E402
from toy_runs import Toy, call, make_toy  # noqa: E402


def told(mistake: Mistake, toy: Toy, folder: Path) -> tuple[int, str]:
    """Returns the exit code and the message, with the folder's own path left out."""
    place = Place(folder, toy)
    arguments = mistake.make(place)
    with mistake.within(place):
        outcome = call(*arguments)
    lines = [line.strip(" │╭╮╰╯─") for line in outcome.err.replace(f"{folder}/", "").splitlines()]
    return outcome.code, " ".join(line for line in lines if line)


def main() -> None:
    """Prints the table."""
    with tempfile.TemporaryDirectory() as base:
        toy = make_toy(Path(base) / "toy")
        found = {}
        print("| mistake | exit | what is printed |\n|---|---|---|")
        for number, mistake in enumerate(MISTAKES):
            folder = Path(base) / str(number)
            folder.mkdir()
            code, message = told(mistake, toy, folder)
            found[mistake.name] = (code, message)
            print(f"| {mistake.name} | {code} | {message.replace('|', chr(92) + '|')} |")
    tracebacks = [name for name, (_, message) in found.items() if "Traceback" in message]
    print(json.dumps({"mistakes": len(found), "tracebacks": tracebacks}))
    sys.exit(1 if tracebacks else 0)


if __name__ == "__main__":
    main()
