"""`seq2seq translate` on large files: interrupted and gone on with, in parts, and by several processes."""

from __future__ import annotations

import gzip
import json
import shutil
import signal
import time
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from unittest import mock

import pytest
from test_torchrun import assert_no_traceback_of_ours, torchrun
from toy_runs import call, done, refused, sets, started, toy, toy_pairs

from seq2seq.cli import translate as command
from seq2seq.pipeline.translate.formats import Format
from seq2seq.pipeline.translate.translate import window_size
from seq2seq.recipe.schema import Search
from seq2seq.translating.windows import WINDOW_CHARACTERS

__all__ = ["toy"]
LINES = [source for source, _ in toy_pairs(44)]
SMALL = (*sets("search.batch_sentences=1"), "--threads", "1", "--device", "cpu")  # windows of twenty lines


@pytest.fixture
def source(tmp_path) -> Path:
    path = tmp_path / "new.en"
    path.write_text("".join(line + "\n" for line in LINES), encoding="utf-8")
    return path


@pytest.fixture
def target(tmp_path) -> Path:
    return tmp_path / "new.eu"


def translated(toy, source, *options) -> bytes:
    return done("translate", toy.run, source, *SMALL, *options).raw


@contextmanager
def stopped_after(lines: int):
    """Presses Ctrl-C when so many lines are written."""
    usual, counted = Format.__call__, count(1)

    def stopping(form, *given):
        if next(counted) > lines:
            raise KeyboardInterrupt
        return usual(form, *given)

    with mock.patch.object(Format, "__call__", stopping):
        yield


KINDS = [["--beam", "2"], ["--nbest", "2"], ["--json", "--beam", "1"], ["--temperature", "2", "--seed", "4"]]


@pytest.mark.parametrize("options", KINDS[1::2], ids=" ".join)
def test_the_shards_one_after_the_other_are_the_whole(toy, source, options):
    whole = translated(toy, source, *options)
    assert b"".join(translated(toy, source, *options, "--shard", f"{n}/3") for n in (1, 2, 3)) == whole


def test_shards_of_a_packed_file(toy, source):
    whole = translated(toy, source, "--beam", "1")
    source.with_suffix(".gz").write_bytes(gzip.compress(source.read_bytes()))
    made = [translated(toy, source.with_suffix(".gz"), "--beam", "1", "--shard", f"{n}/2") for n in (1, 2)]
    assert b"".join(made) == whole
    assert all(made)


@pytest.mark.parametrize("options", KINDS, ids=" ".join)
def test_an_interrupted_run_goes_on_to_the_same_bytes(toy, source, target, options):
    whole = translated(toy, source, *options)
    part = target.with_name("new.eu.part")
    arguments = ("translate", toy.run, source, "-o", target, *SMALL, *options)
    with stopped_after(32):
        stopped = call(*arguments)
    assert stopped.code == 130
    assert f"what was translated is in {part}; go on with the same command and --resume" in stopped.err
    assert "holds what was translated before an interruption" in refused(*arguments)
    with part.open("ab") as file:
        file.write("half a lin\u00e9".encode()[:-1])
    told = done(*arguments, "--resume")
    assert "going on after line 32" in told.err
    assert target.read_bytes() == whole
    assert sorted(path.name for path in target.parent.iterdir()) == ["new.en", "new.eu"]


def test_what_ctrl_c_leaves_of_a_file_is_gone_on_with(toy, source, target):
    source.write_text("".join(line + "\n" for line in LINES * 20), encoding="utf-8")
    part = target.with_name("new.eu.part")
    options = (*sets("search.batch_sentences=4"), "--threads", "1", "--beam", "1")
    arguments = ("translate", toy.run, source, "-o", target, *options)
    with started(*arguments) as process:
        deadline = time.monotonic() + 60
        while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    kept = part.read_bytes()
    assert kept.endswith(b"\n")
    assert 0 < kept.count(b"\n") < len(LINES) * 20
    done(*arguments, "--resume")
    assert target.read_bytes().startswith(kept)
    assert target.read_bytes() == done("translate", toy.run, source, *options).raw


def test_another_model_or_setting_cannot_go_on(toy, source, target, tmp_path):
    arguments = [toy.run, source, "-o", target, *SMALL]
    with stopped_after(25):
        assert call("translate", *arguments, "--ban", "hund").code == 130
    other = Path(shutil.copytree(toy.run / "bundle", tmp_path / "other"))
    recipe = (other / "recipe.toml").read_text("utf-8")
    (other / "recipe.toml").write_text(recipe.replace('unicode_form = "NFC"', 'unicode_form = "NFKC"'), "utf-8")
    same = [*arguments, "--ban", "hund", "--resume"]
    for given, told in [
        ([other, *same[1:]], "the model has changed"),
        ([*same, "--beam", "3"], "search.beam was 5, and now is 3"),
        ([*arguments, "--resume"], "the list of banned words has changed"),
        ([*same, "--engine", "onnx-fp32"], "--engine was auto, and now is onnx-fp32"),
        ([*same, "--with", toy.run], "the choice of the other models has changed"),
    ]:
        assert told in refused("translate", *given), told
    done("translate", *same)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--resume"], "--resume needs -o"),
        (["--resume", "-o", "/dev/null"], "--resume needs a file, and /dev/null is none"),
        (["--shard", "3/2"], "There is no shard 3/2"),
        (["--shard", "half"], "--shard 'half' is no shard"),
        (["--weights", "1,2"], "--weights is for several models"),
        (["--with", "RUN", "--weights", "1"], "--weights 1 has 1 numbers, and there are 2 models"),
        (["--with", "RUN", "--weights", "a,b"], "--weights a,b is no list of numbers"),
        (["--with", "RUN", "--weights", "0,1"], "--weights 0,1: each must be above 0"),
        (["--with", "RUN", "--weights", "nan,1"], "--weights nan,1: each must be above 0"),
        (["--with", "nowhere"], "There is no model at nowhere"),
        (["--ban", " "], "--ban needs a word"),
        (["--ban", "hund", "--prefix", "lo hund"], "'hund' is banned, and the prefix wants 'lo hund'"),
        (["--ban-file", "words.txt"], "words.txt bans no word"),
        (["--ban-file", "word.txt"], "Did you mean 'words.txt'"),
        (
            ["--ban", "hund", "--glossary", "terms.tsv"],
            "'hund' is banned, and the glossary wants 'hund'",
        ),
    ],
)
def test_what_is_refused_says_what_to_do(toy, source, tmp_path, monkeypatch, options, told):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "words.txt").write_text("# none\n\n")
    (tmp_path / "terms.tsv").write_text("dog\thund\n")
    before = sorted(tmp_path.rglob("*"))
    given = [toy.run if option == "RUN" else option for option in options]
    assert told in refused("translate", toy.run, source, *given)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("options", [["--resume", "-o", "out"], ["--shard", "1/2"]])
def test_what_needs_a_file_says_so(toy, options, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert f"{options[0]} needs a FILE" in refused("translate", toy.run, *options, stdin="the dog.\n")


def test_usage_errors_are_2(toy):
    for options in (["--min-length", "-1"], ["--no-repeat-ngram", "-1"], ["--no-repeat-ngram", "two"]):
        assert call("translate", toy.run, *options).code == 2


def test_neither_a_list_of_words_nor_a_record_is_overwritten(toy, source, tmp_path):
    words = tmp_path / "words.txt"
    words.write_text("hund\n")
    assert "would overwrite" in refused("translate", toy.run, source, "--ban-file", words, "-o", words)
    record = tmp_path / "new.eu.part.json"
    record.write_text("the dog.\n")
    assert "would overwrite" in refused("translate", toy.run, record, "-o", tmp_path / "new.eu")
    assert record.read_text() == "the dog.\n"


def test_the_help_says_how_large_a_part_is_at_least():
    told = " ".join(call("translate", "--help").out.replace("│", " ").split())
    assert "whole windows of up to 4 MB or 20 times search.batch_sentences lines, which is usually 1,280" in told
    assert window_size(Search()) == 1280
    assert window_size(Search(batch_sentences=3)) == 20 * 3
    assert WINDOW_CHARACTERS == 4 << 20


def test_going_on_works_where_the_first_run_wrote_the_graphs(toy, source, target, tmp_path):
    """The list of a bundle's files is then another one, and the model the same."""
    model = Path(shutil.copytree(toy.run / "bundle", tmp_path / "model"))
    shutil.rmtree(model / "onnx", ignore_errors=True)
    facts = json.loads((model / "bundle.json").read_text("utf-8"))
    facts["files"] = {name: told for name, told in facts["files"].items() if not name.startswith("onnx/")}
    (model / "bundle.json").write_text(json.dumps(facts), "utf-8")
    arguments = ("translate", model, source, "-o", target, *SMALL, "--beam", "1", "--engine", "onnx")
    with stopped_after(25):
        assert call(*arguments).code == 130
    assert (model / "onnx").is_dir()
    assert "going on after line 25" in done(*arguments, "--resume").err


def test_the_help_puts_the_common_options_first():
    told = call("translate", "--help").out
    panels = ["Arguments", "Options", "Which words", "Large files", "Several models", "How to search"]
    places = [told.index(f"─ {panel} ─") for panel in panels]
    assert places == sorted(places)
    words = {name: told.index(f"│ {name} ") for name in ("--output", "--beam", "--ban", "--resume", "--with", "--seed")}
    assert list(words.values()) == sorted(words.values())
    assert places[1] < words["--output"] < words["--beam"] < places[2]


# Several processes


def as_rank(monkeypatch, rank: int, size: int = 2, **more: str) -> None:
    told = {"RANK": rank, "WORLD_SIZE": size, "LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": size}
    told |= {"MASTER_ADDR": "localhost", "MASTER_PORT": 1, **more}
    for name, value in told.items():
        monkeypatch.setenv(name, str(value))


def test_several_processes_make_one_file(toy, source, target, monkeypatch):
    whole = translated(toy, source)
    for rank in (1, 0):  # one after the other, for the first one puts the pieces together
        as_rank(monkeypatch, rank)
        done("translate", toy.run, source, "-o", target, *SMALL)
    assert target.read_bytes() == whole
    assert sorted(path.name for path in target.parent.iterdir()) == ["new.en", "new.eu"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "need a FILE to divide"),
        (["SOURCE"], "need a file to write, with -o"),
        (["SOURCE", "-o", "/dev/null"], "need a file to write, with -o"),
        (["SOURCE", "-o", "out", "--shard", "1/2"], "divide the file themselves"),
        (["SOURCE", "-o", "out", "--beam", "3", "--seed", "1"], "contradict each other"),
    ],
)
def test_what_several_processes_need_is_said_by_the_first(toy, source, tmp_path, monkeypatch, arguments, told):
    monkeypatch.chdir(tmp_path)
    given = [source if argument == "SOURCE" else argument for argument in arguments]
    waited = []
    monkeypatch.setattr(command.time, "sleep", waited.append)
    as_rank(monkeypatch, 0)
    assert told in refused("translate", toy.run, *given)
    assert waited == []
    as_rank(monkeypatch, 1)
    assert told in refused("translate", toy.run, *given)  # where the first one did not meet it
    assert waited == [command._PATIENCE_SECONDS]


def test_a_piece_that_would_overwrite_the_input_is_refused(toy, tmp_path, monkeypatch):
    source = tmp_path / "new.eu.1-of-2"
    source.write_text("the dog.\n")
    as_rank(monkeypatch, 0)
    assert "would overwrite" in refused("translate", toy.run, source, "-o", tmp_path / "new.eu")


def test_what_torchrun_starts_again_goes_on(toy, source, target, monkeypatch):
    as_rank(monkeypatch, 1)
    arguments = ("translate", toy.run, source, "-o", target, *SMALL)
    done(*arguments)
    piece = target.with_name("new.eu.2-of-2")
    made = piece.read_bytes()
    piece.with_name(piece.name + ".part").write_bytes(made[: len(made) // 2])
    piece.unlink()
    assert "--resume" in refused(*arguments)
    as_rank(monkeypatch, 1, TORCHELASTIC_RESTART_COUNT="1")
    done(*arguments)
    assert piece.read_bytes() == made


@pytest.mark.slow
def test_torchrun_makes_the_file_that_one_process_makes(toy, source, target):
    whole = translated(toy, source)
    with torchrun("translate", toy.run, source, "-o", target, *sets("search.batch_sentences=1")) as launched:
        code, out, said = launched.end()
    assert code == 0, said
    assert out == ""
    assert target.read_bytes() == whole
    assert sorted(path.name for path in target.parent.iterdir()) == ["new.en", "new.eu"]


@pytest.mark.slow
def test_an_error_that_all_processes_meet_is_told_once(toy, source, target):
    with torchrun("translate", toy.run, source, "-o", target, "--beam", "3", "--seed", "1") as launched:
        code, _, said = launched.end()
    assert code != 0
    assert said.count("error: ") == 1
    assert_no_traceback_of_ours(said)
