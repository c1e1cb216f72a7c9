"""`seq2seq info`, `repl` and `demo` as a person or a program calls them."""

from __future__ import annotations

import json
import shutil
import sys

import pytest
from toy_runs import call, done, refused, sets, toy, toy_pairs

from seq2seq import load
from seq2seq.cli import demo
from seq2seq.registry import SEARCHES, Member
from seq2seq.search.limits import DEFAULT_LIMITS
from seq2seq.search.sampling import Sampling

__all__ = ["toy"]


def layers(told):
    return [line.split("\t") for line in told.lines if "\t" in line]


def test_info_of_a_run_and_of_its_bundle_counts_the_real_model(toy):
    own = sum(weight.numel() for weight in load(toy.run, engine="torch").engine.model.parameters())
    told = done("info", toy.run)
    rows = layers(told)
    assert {len(row) for row in rows} == {4}
    assert sum(int(row[3]) for row in rows) == own
    assert f"{own:,} parameters, {own * 4 / 1e6:.1f} MB" in told.out
    assert any(row[1] == "LSTM" and row[2] == "[batch, time, 32]" for row in rows)
    assert "recurrent kernel: torch LSTM, whole sequences" in told.lines
    assert layers(done("info", toy.run / "bundle")) == rows


def test_info_as_json(toy):
    told = done("info", toy.run, "--json").json
    assert told["name"] == "toy-en-eu"
    assert told["parameters"] == sum(layer["parameters"] for layer in told["layers"])
    assert told["training_bytes"] == 20 * told["parameters"]


def test_info_counts_an_average_only_where_there_is_one(toy):
    assert "MB of weights, gradients, moments and average" in done("info", toy.run).out
    without = ("info", toy.run, "--set", "training.average=0")
    told = done(*without, "--json").json
    assert told["training_bytes"] == 16 * told["parameters"]
    assert "MB of weights, gradients and moments\n" in done(*without).out


def test_info_shows_the_scores_that_were_kept(toy, tmp_path):
    shutil.copytree(toy.run, tmp_path / "run")
    done("evaluate", tmp_path / "run")
    told = done("info", tmp_path / "run").out
    assert "test: bleu" in told
    assert "tok:13a" in told


def test_info_before_training(toy, tmp_path):
    for name in ("manifest.json", "recipe.toml"):
        shutil.copy(toy.run / name, tmp_path)
    shutil.copytree(toy.run / "tokenizer", tmp_path / "tokenizer")
    assert layers(done("info", tmp_path)) == layers(done("info", toy.run))


@pytest.mark.parametrize(
    "changes", [[], ["model.cell=gru"], ["text.vocabulary_size=9000"], ["text.joint=false", "model.tie=none"]]
)
def test_info_of_a_recipe_is_the_network_it_describes(changes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a run of the same name in the working folder would come first
    from seq2seq import build
    from seq2seq.recipe.catalog import find_recipe
    from seq2seq.recipe.overrides import apply_overrides
    from seq2seq.recipe.toml import load_recipe

    recipe = apply_overrides(load_recipe(find_recipe("demo")), changes)
    symbols = recipe.text.vocabulary_size
    network = build.model(recipe.model, source_symbols=symbols, target_symbols=symbols)
    told = done("info", "demo", "--json", *sets(*changes)).json
    assert told["parameters"] == sum(weight.numel() for weight in network.parameters())
    assert sum(layer["parameters"] for layer in told["layers"]) == told["parameters"]


def test_info_of_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = refused("info", "multi30k-en-ed")
    assert "multi30k-en-ed is no run, no bundle and no recipe" in told
    assert "Did you mean 'multi30k-en-de'?" in told
    assert "Did you mean" in refused("info", "demo", "--set", "model.cel=gru")


def test_repl_in_a_pipe_answers_line_by_line(toy):
    sentences = [source for source, _ in toy_pairs(5)]
    expected = done("translate", toy.run, stdin="\n".join(sentences)).lines
    told = done("repl", toy.run, stdin="\n".join(sentences) + "\n\n:nonsense\n")
    assert told.lines[: len(sentences)] == expected
    assert told.lines[len(sentences)] == ""
    assert len(told.lines) == len(sentences) + 2  # what is no command is text where nobody can be asked
    assert told.err == ""
    assert "\x1b" not in told.out


def test_repl_commands_work_on_the_real_translator(toy):
    lines = [":beam 3", ":nbest 2", "the dog.", ":nbest 1", ":prefix hiru", "the dog.", ":prefix", ":scores on"]
    lines += ["the dog.", ":scores off", ":attention on", "the dog.", ":help", ":quit", "never reached"]
    told = done("repl", toy.run, stdin="\n".join(lines) + "\n").out
    assert "\n1  -" in told
    assert "\n2  -" in told
    assert "\nhiru" in told
    assert ":attention" in told
    best = done("translate", toy.run, "--beam", "3", stdin="the dog.\n").lines[0]
    assert told.count(best) >= 3
    assert "never" not in told


def test_repl_begins_with_what_the_options_say(toy):
    told = done("repl", toy.run, "--nbest", "2", "--beam", "2", "--prefix", "sei", stdin="the dog.\n")
    first, second = told.lines
    assert first.startswith("1  -")
    assert second.startswith("2  -")
    assert " sei" in first


def test_repl_keeps_to_the_models_own_search(toy, monkeypatch):
    class Calm:
        """Draws the words one by one, as sampling does, and shows the likeliest of four."""

        def __init__(self, *, temperature: float = 1.0, limits=DEFAULT_LIMITS):
            self._draw = Sampling(nbest=4, temperature=temperature, limits=limits)

        def __call__(self, *arguments, **named):
            return [found[:1] for found in self._draw(*arguments, **named)]

    monkeypatch.setattr(sys.modules[__name__], "Calm", Calm, raising=False)
    monkeypatch.setitem(SEARCHES._members, "calm", Member(f"{__name__}:Calm"))
    lines = "\n".join(source for source, _ in toy_pairs(3)) + "\n"
    wild = sets("search.temperature=30")
    for name in ("calm", "sampling"):
        wanted = done("translate", toy.run, "--search", name, *wild, stdin=lines).lines[0]
        own = (*sets(f"search.name={name}"), *wild)
        assert done("repl", toy.run, *own, stdin=lines).lines[0] == wanted
        five = done("repl", toy.run, *own, "--beam", "5", stdin=lines).lines
        assert five == done("repl", toy.run, *own, stdin=f":beam 5\n{lines}").lines[1:]
        assert five == done("translate", toy.run, stdin=lines).lines
        assert five[0] != wanted


def test_repl_outlives_what_cannot_be_translated(toy):
    told = call("repl", toy.run, stdin=b"\xff\xfe\x00\n" + b"x" * 20_000 + b"\nthe dog.\n")
    assert told.code == 0
    assert len(told.lines) == 3
    assert told.lines[2] == done("translate", toy.run, stdin="the dog.\n").lines[0]
    assert "20,000 characters" in told.err


def test_repl_without_a_model(tmp_path):
    assert "There is no model" in refused("repl", tmp_path / "nothing")


DEMO = sets(
    "model.embedding_size=16",
    "model.encoder_size=16",
    "model.decoder_size=16",
    "text.vocabulary_size=400",
    "training.minutes=0",
    "training.max_updates=3",
    "training.schedule.warmup_updates=1",
    "training.validate_sentences=5",
    "training.batch_tokens=200",
    "search.name=greedy",
    "search.max_length_factor=0.1",
    "search.max_length_constant=3",
    "evaluation.bootstrap=0",
)


@pytest.mark.parametrize(
    ("called", "found", "shown"),
    [
        ("/far/bin/seq2seq", "/far/bin/seq2seq", ["seq2seq"]),
        ("/far/bin/seq2seq", None, ["/far/bin/seq2seq"]),
        ("{here}/.venv/bin/seq2seq", None, [".venv/bin/seq2seq"]),
        ("/far/seq2seq/__main__.py", None, ["python", "-m", "seq2seq"]),
    ],
)
def test_the_demo_names_the_program_in_a_way_that_works(monkeypatch, tmp_path, called, found, shown):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [called.format(here=tmp_path)])
    monkeypatch.setattr(demo.shutil, "which", lambda _: found)
    assert demo._program() == shown


@pytest.mark.slow
def test_the_demo_ends_with_the_command_that_opens_the_conversation(tmp_path):
    run = tmp_path / "demo run"
    told = done("demo", "--run", run, "--threads", "1", *DEMO)
    assert "test: " in told.out
    assert "combinations: " in told.out
    assert told.out.count("  reference  ") == 10
    assert told.out.rstrip().endswith(f"seq2seq repl '{run}'")  # on the path, or as a module where it is not
    again = done("demo", "--run", run, "--threads", "1", "--json", *DEMO)
    assert {result["name"] for result in again.json["results"]} == {"test", "combinations"}
    assert json.loads((run / "bundle" / "bundle.json").read_text())["scores"].keys() == {"test", "combinations"}


@pytest.mark.parametrize("command", ["demo", "prepare", "train", "translate", "evaluate", "repl", "info", "recipes"])
def test_help_teaches_with_examples(command):
    told = call(command, "--help")
    assert told.code == 0
    assert "Examples" in told.out
    assert f"seq2seq {command}" in told.out
    assert "[[" not in told.out
    assert "\x1b" not in told.out


def test_help_fills_its_lines(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    told = call("train", "--help").out
    words = " ".join(told.split())
    assert "nothing is lost." in words
    first = next(line for line in told.splitlines() if "Shows speed, loss" in line)
    assert 80 < len(first.rstrip()) <= 100
