"""Given translations scored line by line: what is written, what it adds up to, and what is refused."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path

import pytest

from seq2seq.errors import SentenceError, UserError
from seq2seq.pipeline.evaluate.score import Totals, check_lines, score_lines
from seq2seq.translating.translation import Scored


class Judge:
    """Holds a translation for as likely as half its letters allow; what has an X it could never write."""

    def __init__(self):
        self.sizes = []

    def score(self, sources, targets):
        self.sizes.append(len(sources))
        return [self.one(*pair) for pair in zip(sources, targets, strict=True)]

    def one(self, source, target):
        tokens = [*target.split(), "<eos>"] if target.strip() else []
        probs = [-math.inf if "X" in token else -len(token) / 4 for token in tokens]
        return Scored(source, target, tokens, probs, sum(probs))


@pytest.fixture
def pair(tmp_path) -> tuple[Path, Path]:
    source, target = tmp_path / "a.en", tmp_path / "a.de"
    source.write_text("one two\n\nthree\n", encoding="utf-8")
    target.write_text("ein zwei\n\ndrei\n", encoding="utf-8")
    return source, target


def scored(pair, capsys, **more) -> tuple[list[str], Totals]:
    totals = score_lines(Judge(), *pair, size=2, **more)
    return capsys.readouterr().out.split("\n")[:-1], totals


def test_a_line_for_each_pair(pair, capsys):
    lines, totals = scored(pair, capsys)
    # 3 + 4 letters and five of <eos>, a quarter each; three tokens.
    assert lines == ["-3.0000\t-1.0000", "0.0000\t0.0000", "-2.2500\t-1.1250"]
    assert totals == Totals(3, 5, -5.25, 0)
    assert totals.perplexity == pytest.approx(math.exp(5.25 / 5))


def test_the_pieces_stand_behind(pair, capsys):
    lines, _ = scored(pair, capsys, tokens=True)
    assert lines[0] == "-3.0000\t-1.0000\t-0.7500 -1.0000 -1.2500\tein zwei <eos>"
    assert lines[1] == "0.0000\t0.0000\t\t"


def test_objects(pair, capsys):
    lines, _ = scored(pair, capsys, as_json=True, tokens=True)
    first, blank, last = map(json.loads, lines)
    assert first == {
        "number": 1,
        "source": "one two",
        "target": "ein zwei",
        "log_prob": -3.0,
        "score": -1.0,
        "num_tokens": 3,
        "tokens": ["ein", "zwei", "<eos>"],
        "token_log_probs": [-0.75, -1.0, -1.25],
    }
    assert (blank["log_prob"], blank["score"], blank["num_tokens"], last["number"]) == (0.0, 0.0, 0, 3)
    assert "tokens" not in json.loads(scored(pair, capsys, as_json=True)[0][0])


def test_what_can_never_be_written(pair, capsys):
    pair[1].write_text("X\n\ndrei\n")
    lines, totals = scored(pair, capsys)
    assert lines[0] == "-inf\t-inf"
    assert (totals.impossible, totals.perplexity) == (1, math.inf)
    told = json.loads(scored(pair, capsys, as_json=True, tokens=True)[0][0])
    assert (told["log_prob"], told["score"], told["token_log_probs"]) == (None, None, [None, -1.25])


def test_nothing_has_no_perplexity(tmp_path, capsys):
    for name in "ab":
        (tmp_path / name).write_bytes(b"")
    lines, totals = scored((tmp_path / "a", tmp_path / "b"), capsys)
    assert lines == []
    assert math.isnan(totals.perplexity)


def test_windows_are_bounded(tmp_path, capsys):
    paths = tmp_path / "a.gz", tmp_path / "b"
    text = b"".join(b"%d\n" % number for number in range(7))
    paths[0].write_bytes(gzip.compress(text))
    paths[1].write_bytes(text.replace(b"\n", b"\r\n"))
    judge = Judge()
    assert score_lines(judge, *paths, size=3).lines == 7
    assert judge.sizes == [3, 3, 1]
    assert capsys.readouterr().out.count("\n") == 7


class Strict(Judge):
    """Refuses a pair with a long line before it scores any, and counts from the first it was given."""

    def score(self, sources, targets):
        for number, both in enumerate(zip(sources, targets, strict=True), start=1):
            if any("long" in text for text in both):
                raise SentenceError("{sentence} has too many tokens.", sentence=number, hint="Split it.")
        return super().score(sources, targets)


@pytest.mark.parametrize("size", [1, 3, 10, 40])
@pytest.mark.parametrize("bad", [1, 2, 11, 30])
@pytest.mark.parametrize("side", [0, 1])
def test_what_is_too_long_is_named_after_what_came_before(tmp_path, capsys, side, bad, size):
    paths = tmp_path / "a.en", tmp_path / "a.de"
    for place, path in enumerate(paths):
        words = [f"word{number}" for number in range(1, 31)]
        if place == side:
            words[bad - 1] = "long"
        path.write_text("".join(f"{word}\n" for word in words))
    with pytest.raises(UserError) as caught:
        score_lines(Strict(), *paths, size=size, as_json=True)
    assert caught.value.message == f"{paths[side]}, line {bad}: the sentence has too many tokens."
    assert caught.value.hint == "Split it."
    written = [json.loads(line)["number"] for line in capsys.readouterr().out.splitlines()]
    assert written == list(range(1, bad))


@pytest.mark.parametrize("longer", [0, 1])
def test_unequal_numbers_of_lines_name_both(pair, longer):
    with pair[longer].open("a") as file:
        file.write("more\n" * 2)
    counts = [5, 3] if longer == 0 else [3, 5]
    with pytest.raises(UserError, match=rf"a\.en has {counts[0]} lines and .*a\.de has {counts[1]}\."):
        check_lines(*pair)
    pair[longer].write_bytes(b"")
    with pytest.raises(UserError, match="has 0"):
        check_lines(*pair)


def test_equal_numbers_are_counted(pair):
    assert check_lines(*pair) == 3


@pytest.mark.parametrize("side", [0, 1])
def test_a_line_that_is_not_utf8_is_named_after_what_came_before(pair, capsys, side):
    raw = pair[side].read_bytes().split(b"\n")
    pair[side].write_bytes(b"\n".join([*raw[:2], b"\xff", b""]))
    with pytest.raises(UserError, match=rf"{pair[side].name}, line 3: byte 1"):
        score_lines(Judge(), *pair, size=10)
    assert capsys.readouterr().out.count("\n") == 2
