"""A translator made by hand, whose every output tells with whom a line was translated and where it stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

from seq2seq.recipe.schema import Evaluation
from seq2seq.translating.translation import Translation


class Kept(Translation):
    """A translation that counts how many there are at the same time."""

    alive = most = 0

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        Kept.alive += 1
        Kept.most = max(Kept.most, Kept.alive)

    def __del__(self):
        Kept.alive -= 1


@dataclass
class Echo:
    """Answers each line with itself, its place in the input, the size of its window and the window's first line.

    Attributes:
        stop_after: Ctrl-C is pressed after so many lines; 0: never.
        given: The keyword arguments of each call.
    """

    stop_after: int = 0
    given: list[dict] = field(default_factory=list)
    engine: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(name="echo"))
    evaluation: Evaluation = field(default_factory=Evaluation)

    def translate_windows(self, windows, settings, *, nbest=1, first=0, **more):
        self.given.append({"nbest": nbest, "first": first, **more})
        number = first
        for window in windows:
            for line in window:
                number += 1
                if self.stop_after and number > self.stop_after:
                    raise KeyboardInterrupt
                yield self.one(line, number, window, nbest)

    def one(self, line, number, window, nbest):
        text = f"{line}·{number}·{len(window)}·{window[0]}" if line.strip() else ""
        whole = Translation(line, text, -1.0, -2.0, [line, "<eos>"], [text, "<eos>"], [-1.5, -0.5])
        if nbest == 1:
            return whole
        # Fewer than are asked for, now and then: a search may find no more.
        count = 1 if not line.strip() else nbest - (number % 5 == 0)
        found = [Translation(line, f"{text}·{i}", -1.0 - i, -2.0, [], [], []) for i in range(count)]
        return Translation(whole.source, found[0].text, -1.0, -2.0, [], [], [], nbest=found)

    def score(self, sources, targets):
        raise NotImplementedError


class Quick(Echo):
    """Answers at once, with translations that are counted."""

    def translate_windows(self, windows, settings, **_):
        for window in windows:
            for line in window:
                yield Kept(line, line, 0.0, 0.0, [], [], [])
