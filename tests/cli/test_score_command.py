"""`seq2seq score`: as many lines as there are pairs, and the scores that translate itself gave."""

from __future__ import annotations

import json
import math
import re

import pytest
from toy_runs import call, done, refused, toy, toy_pairs

__all__ = ["toy"]
LINES = [source for source, _ in toy_pairs(40)]


@pytest.fixture(scope="module")
def own(toy, tmp_path_factory):
    """Sentences, the model's own translations as files, and what it said of them."""
    folder = tmp_path_factory.mktemp("scored")
    source, target = folder / "new.en", folder / "new.eu"
    source.write_text("".join(line + "\n" for line in [*LINES, ""]), encoding="utf-8")
    said = list(map(json.loads, done("translate", toy.run, source, "--json").lines))
    target.write_text("".join(one["translation"] + "\n" for one in said), encoding="utf-8")
    return source, target, said


def test_the_scores_are_those_that_translate_printed(toy, own):
    source, target, said = own
    printed = done("translate", toy.run, source, "--scores").lines
    told = done("score", toy.run, source, target)
    rows = [line.split("\t") for line in told.lines]
    objects = list(map(json.loads, done("score", toy.run, source, target, "--json", "--tokens").lines))
    assert len(rows) == len(objects) == len(said) == len(LINES) + 1
    same = 0
    for row, one, before, line in zip(rows, objects, said, printed, strict=True):
        assert float(row[0]) == pytest.approx(one["log_prob"], abs=6e-5)
        if one["tokens"] == before["tokens"]:  # the text is cut into the pieces that it was written in
            same += 1
            assert one["token_log_probs"] == pytest.approx(before["token_log_probs"], abs=1e-4)
            assert one["log_prob"] == pytest.approx(before["log_prob"], abs=1e-3)
            assert float(row[1]) == pytest.approx(float(line.split("\t")[0]), abs=1.5e-4)
    assert same > len(LINES) * 0.9
    assert rows[-1] == ["0.0000", "0.0000"]  # blank on both sides
    tokens, log_prob = sum(one["num_tokens"] for one in objects), sum(one["log_prob"] for one in objects)
    (perplexity,) = re.findall(rf"^perplexity (\S+) over {tokens:,} tokens in {len(rows)} lines$", told.err, re.M)
    assert float(perplexity) == pytest.approx(math.exp(-log_prob / tokens), rel=1e-3)


def test_the_right_translation_is_likelier_than_a_wrong_one(toy, tmp_path):
    pairs = toy_pairs(20)
    (tmp_path / "a").write_text("".join(source + "\n" for source, _ in pairs))
    (tmp_path / "right").write_text("".join(target + "\n" for _, target in pairs))
    (tmp_path / "wrong").write_text("".join(target + "\n" for _, target in pairs[::-1]))
    right, wrong = (
        [float(line.split("\t")[1]) for line in done("score", toy.run, tmp_path / "a", tmp_path / name).lines]
        for name in ("right", "wrong")
    )
    assert sum(a > b for a, b in zip(right, wrong, strict=True)) >= 18


def test_tokens_are_columns(toy, own):
    row = done("score", toy.run, *own[:2], "--tokens").lines[0].split("\t")
    probs, pieces = row[2].split(), row[3].split()
    assert len(probs) == len(pieces)
    assert pieces[-1] == "<eos>"
    assert sum(map(float, probs)) == pytest.approx(float(row[0]), abs=1e-3)


def test_a_model_with_itself_is_the_model(toy, own):
    alone = done("score", toy.run, *own[:2]).lines
    twice = done("score", toy.run, *own[:2], "--with", toy.run, "--weights", "2,1").lines
    for one, two in zip(alone, twice, strict=True):
        assert [float(x) for x in two.split("\t")] == pytest.approx([float(x) for x in one.split("\t")], abs=1e-3)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["short", "new.eu"], "short has 2 lines and new.eu has 3."),
        (["new.en", "short"], "new.en has 3 lines and short has 2."),
        (["new.en", "nowhere"], "There is no file nowhere"),
        (["new.en", "."], "is a folder"),
        (["new.en", "bad"], "bad, line 1: byte 1"),
        (["new.en", "new.eu", "--weights", "1,1"], "--weights is for several models"),
        (["new.en", "new.eu", "--with", "nothing"], "There is no model at nothing"),
    ],
)
def test_what_is_refused_names_the_file(toy, tmp_path, monkeypatch, arguments, told):
    monkeypatch.chdir(tmp_path)
    for name, data in {"new.en": b"a\n" * 3, "new.eu": b"b\n" * 3, "short": b"c\n" * 2, "bad": b"\xff\n" * 3}.items():
        (tmp_path / name).write_bytes(data)
    assert told in refused("score", toy.run, *arguments)


@pytest.mark.parametrize("long", ["new.en", "new.eu"])
def test_a_pair_that_is_too_long_is_named_by_its_file_and_line(toy, tmp_path, monkeypatch, long):
    monkeypatch.chdir(tmp_path)
    for name in ("new.en", "new.eu"):
        lines = ["the dog."] * 5
        lines[2] = "the dog. " * 3000 if name == long else lines[2]
        (tmp_path / name).write_text("".join(line + "\n" for line in lines))
    told = call("score", toy.run, "new.en", "new.eu")
    assert told.code == 2
    assert f"{long}, line 3: the sentence has " in told.err
    assert "at most 4,999 are scored" in told.err
    assert len(told.lines) == 2


def test_usage(toy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert call("score", toy.run).code == 2
    assert call("score", toy.run, "a").code == 2
    for name in "ab":
        (tmp_path / name).write_text("x\n")
    assert "There is no model at nothing" in refused("score", "nothing", "a", "b")
    told = call("score", "--help").out
    assert "seq2seq score runs/mine new.en new.de" in told
