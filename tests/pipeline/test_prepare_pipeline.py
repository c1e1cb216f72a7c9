"""Preparing: several corpora through one cleaner, nothing lost on the way, and one process at a time."""

from __future__ import annotations

import errno
import json
import random
import subprocess
import sys
import tracemalloc
from contextlib import contextmanager
from pathlib import Path

import pytest
from toy_runs import toy_pairs, write_pairs

from seq2seq.bundle import RunFolder
from seq2seq.corpus.pair import Pair
from seq2seq.data.store import Store
from seq2seq.errors import UserError
from seq2seq.manifest import TrainingCorpus
from seq2seq.pipeline.lock import LOCK, only_one
from seq2seq.pipeline.prepare import prepare as module
from seq2seq.pipeline.prepare.gather import KNOWN_SOURCE, KNOWN_TARGET, gather
from seq2seq.pipeline.prepare.prepare import prepare
from seq2seq.pipeline.prepare.sources import CorpusSource, Sources
from seq2seq.pipeline.prepare.spool import Spool
from seq2seq.pipeline.train.train import train
from seq2seq.recipe.schema import Choice, Corpus, Data, Model, Recipe, Text, Training
from seq2seq.recipe.toml import load_recipe

HOLD = """
import sys
from pathlib import Path
from seq2seq.bundle import RunFolder
from seq2seq.pipeline.lock import only_one
with only_one(RunFolder(Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""


class Listed:
    """A reader of pairs in memory that remembers how far it was read, each time."""

    def __init__(self, *sides):
        self.pairs = [Pair(n, source, target) for n, (source, target) in enumerate(sides, start=1)]
        self.reads = []

    def __call__(self):
        self.reads.append(0)
        for pair in self.pairs:
            self.reads[-1] += 1
            yield pair


def sources(corpora, development=None, tests=None):
    listed = tuple(CorpusSource(name, weight, reader) for name, (weight, reader) in corpora.items())
    return Sources(listed, development, tests or {})


def sides(pairs):
    return [(pair.source, pair.target) for pair in pairs]


def numbered(letter, count, start=0):
    return [(f"{letter} source {n}", f"{letter} target {n}") for n in range(start, start + count)]


class TestGather:
    def test_held_out_lines_longer_than_what_is_trained_on_are_told_of_by_line(self, tmp_path, capsys):
        held = Listed(*[("a b c d", f"{n}") if n % 2 else (f"{n}", "x " * 9) for n in range(7)], ("a b c", "d e f"))
        data = Data(development_size=0, filters=(Choice("empty"), Choice("length", {"maximum": 3})))
        corpora = {"news": (1.0, Listed(*numbered("a", 5), ("far too long for it", "x")))}
        found = gather(data, sources(corpora, Listed(("y", "y")), {"test": held}), Spool(tmp_path))
        told = capsys.readouterr().err
        assert "warning: lines 1, 2, 3, 4, 5 and 2 more of the test set: a side has more than 3 words" in told
        assert "Give each of its sentences a line of its own" in told
        assert "development" not in told
        assert found.sizes() == {"train": 5, "development": 1, "test": 8}
        only = Listed(("y", "y"), ("a b c d", "z"))
        gather(data, sources(corpora, only), Spool(tmp_path / "other"))
        assert "warning: line 2 of the development set: a side" in capsys.readouterr().err
        gather(Data(development_size=0, filters=()), sources(corpora, only), Spool(tmp_path / "unfiltered"))
        assert "warning" not in capsys.readouterr().err

    def test_all_corpora_go_through_one_cleaner_in_order(self, tmp_path):
        news = Listed(*numbered("a", 5), ("", "empty"), ("What now?", "shared answer"))
        talks = Listed(
            *numbered("a", 2, start=3), *numbered("b", 3), ("The  TEST: one!", "leak"), ("b source 0", "other")
        )
        held = Listed(("the test one", "the answer"), ("x", "Shared answer!"))
        data = Data(development_size=0)
        found = gather(
            data,
            sources({"news": (1.0, news), "talks": (2.5, talks)}, Listed(("dev", "dev")), {"test": held}),
            Spool(tmp_path),
        )
        kept = [*numbered("a", 5), ("What now?", "shared answer"), *numbered("b", 3), ("b source 0", "other")]
        assert sides(found.pairs("train")) == kept
        assert sides(found.pairs("test")) == sides(held.pairs)
        assert found.sizes() == {"train": 10, "development": 1, "test": 2}
        assert [(one.name, one.weight, one.pairs) for one in found.corpora] == [("news", 1.0, 6), ("talks", 2.5, 4)]
        report = found.reports["train"].to_dict()
        told = {
            (reason, example["corpus"], example["line"])
            for reason, drops in report["dropped"].items()
            for example in drops["examples"]
        }
        assert told == {
            ("empty", "news", 6),
            ("duplicate", "talks", 1),
            ("duplicate", "talks", 2),
            ("leakage", "talks", 6),
        }
        assert report["read"] == 14
        assert found.held.know_targets([target for _, target in kept]).tolist() == [n == 5 for n in range(10)]
        # Each was read to its end once; no filter of the default list has anything to learn.
        assert news.reads == [7]
        assert talks.reads == [7]

    def test_what_is_set_aside_is_counted_out_of_its_corpus(self, tmp_path):
        corpora = {
            "one": (1.0, Listed(*numbered("a", 40))),
            "two": (1.0, Listed(*numbered("b", 60), ("a source 3", "again"))),
        }
        found = gather(Data(development_size=10, test_size=7, seed=3), sources(corpora), Spool(tmp_path))
        assert (
            found.sizes()["train"]
            == sum(one.pairs for one in found.corpora)
            == 101 - sum(found.sizes()[part] for part in ("development", "test"))
        )
        assert 10 <= found.sizes()["development"] <= 11
        assert 7 <= found.sizes()["test"] <= 8
        train = sides(found.pairs("train"))
        first = found.corpora[0].pairs
        assert all(source.startswith("a") for source, _ in train[:first])
        assert {source[0] for source, _ in train[first + 1 :]} == {"b"}
        everything = [side for part in found.reports for side in sides(found.pairs(part))]
        assert sorted(everything) == sorted([*numbered("a", 40), *numbered("b", 60), ("a source 3", "again")])
        apart = [{source for source, _ in sides(found.pairs(part))} for part in found.reports]
        assert sum(map(len, apart)) == 100  # both translations of "a source 3" went the same way
        assert found.reports["train"].read == found.reports["train"].kept == found.sizes()["train"]
        assert sorted(path.stem for path in tmp_path.iterdir()) == ["corpus-0", "corpus-1", "development", "test"]
        for side in (0, 1):
            texts = [pair[side] for pair in train]
            for every in (1, 3, 50, 500):
                assert list(found.texts(("source", "target")[side], every)) == texts[::every]

    def test_both_directions_hold_the_same_pairs_out(self, tmp_path):
        # Three pairs have one target, which is their source when they are turned round.
        pairs = [(f"source {n}", f"target {n // 3}") for n in range(90)]
        aside = {"development_size": 10, "test_size": 10, "seed": 3}
        ahead = gather(Data(**aside), sources({"one": (1.0, Listed(*pairs))}), Spool(tmp_path / "ahead"))
        swapped = Listed(*((target, source) for source, target in pairs))
        back = gather(Data(reverse=True, **aside), sources({"one": (1.0, swapped)}), Spool(tmp_path / "back"))
        for part in ("development", "test"):
            assert sides(back.pairs(part)) == [(target, source) for source, target in sides(ahead.pairs(part))]
        held = {source for part in ("development", "test") for source, _ in sides(back.pairs(part))}
        wanted = [(target, source) for source, target in sides(ahead.pairs("train")) if target not in held]
        assert sides(back.pairs("train")) == wanted
        leaks = ahead.sizes()["train"] - len(wanted)
        assert leaks > 0
        report = back.reports["train"]
        assert report.dropped["leakage"].count == leaks
        assert report.read == report.kept + leaks
        assert back.sizes()["train"] == back.corpora[0].pairs == len(wanted)
        development = {source for source, _ in sides(back.pairs("development"))}
        shared = sum(source in development for source, _ in sides(back.pairs("test")))
        assert shared and back.reports["test"].noticed[KNOWN_SOURCE].count == shared
        assert KNOWN_SOURCE not in ahead.reports["test"].noticed

    def test_filters_learn_from_all_corpora(self, tmp_path):
        greek = Listed(*((f"Μύλος {n}", f"mill {n}") for n in range(20)), ("mill", "mill"))
        more = Listed(*((f"Νερό {n}", f"water {n}") for n in range(20)), ("Νερό", "Νερό"))
        data = Data(filters=(Choice("script"),), development_size=3)
        found = gather(data, sources({"one": (1.0, greek), "two": (1.0, more)}), Spool(tmp_path))
        assert found.reports["train"].dropped["script"].count == 2
        assert greek.reads == more.reads == [21, 21]  # the sample, which here is all, and the corpus

    def test_without_a_development_set_nothing_is_read(self, tmp_path):
        corpus = Listed(*numbered("a", 5))
        with pytest.raises(UserError, match="no development set"):
            gather(Data(), sources({"": (1.0, corpus)}), Spool(tmp_path / "spool"))
        assert corpus.reads == []
        assert not (tmp_path / "spool").exists()

    def test_nothing_left_names_the_commonest_reason_and_its_corpus(self, tmp_path):
        corpora = {"one": (1.0, Listed(("", "x"))), "two": (1.0, Listed(*[("a b", "c d")] * 3))}
        data = Data(development_size=1, filters=(Choice("empty"), Choice("length", {"maximum": 1})))
        with pytest.raises(UserError, match=r"left of 4.*'length'.*two, line 1: 'a b' / 'c d'"):
            gather(data, sources(corpora), Spool(tmp_path))

    @pytest.mark.parametrize("name", ["development", "test"])
    def test_a_set_of_which_nothing_is_left_is_refused(self, name, tmp_path):
        corpus, good, bad = Listed(*numbered("a", 5)), Listed(("x", "y")), Listed(("some", " "), ("more", ""))
        given = {"development": good, "test": good} | {name: bad}
        with pytest.raises(UserError, match=rf"{name} set is left of 2.*'empty'.*line 1: 'some'") as told:
            gather(Data(), sources({"": (1.0, corpus)}, given["development"], {"test": given["test"]}), Spool(tmp_path))
        assert f"Correct data.{name}, or remove it and set data.{name}_size" in told.value.hint
        assert corpus.reads == []

    def test_test_sentences_that_the_model_is_chosen_by_are_counted_and_stay(self, tmp_path):
        development = Listed(("What now?", "a"), ("only here", "b"))
        tests = {"one": Listed(("new", "a"), ("what  NOW", "c")), "two": Listed(("new", "a"), ("newer", "a"))}
        found = gather(
            Data(), sources({"": (1.0, Listed(*numbered("a", 5)))}, development, tests), Spool(tmp_path / "spool")
        )
        assert {name: sides(found.pairs(name)) for name in tests} == {
            "one": [("new", "a"), ("what NOW", "c")],
            "two": [("new", "a"), ("newer", "a")],
        }
        assert [(known.count, known.examples[0].line) for known in found.reports["one"].noticed.values()] == [(1, 2)]
        assert KNOWN_SOURCE in found.reports["one"].noticed
        assert not found.reports["two"].noticed

    def test_memory_grows_by_the_hashes_alone(self, tmp_path, monkeypatch):
        """Of Python and NumPy; Arrow writes and reads in parts of a fixed size, and is measured by a script."""
        # Small parts, so that few pairs show what grows with their number.
        monkeypatch.setattr("seq2seq.pipeline.prepare.spool.BATCH_PAIRS", 256)
        monkeypatch.setattr("seq2seq.pipeline.prepare.gather.BATCH_PAIRS", 256)
        monkeypatch.setattr("seq2seq.corpus.cleaning._BATCH_PAIRS", 256)
        monkeypatch.setattr("seq2seq.corpus.split._BATCH_PAIRS", 256)

        def peak(count):
            def reader():
                return (Pair(n, f"source {n} of many", f"target {n} of many") for n in range(count))

            tracemalloc.start()
            try:
                found = gather(Data(development_size=50), sources({"": (1.0, reader)}), Spool(tmp_path))
                assert sum(1 for _ in found.pairs("train")) == count - 50
                return tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()

        peak(1000)  # what is loaded and cached once
        small, large = peak(1000), peak(9000)
        assert (large - small) / 8000 <= 20


def test_a_spool_gives_back_what_was_written(tmp_path):
    spool, pairs = Spool(tmp_path / "new"), [Pair(n, f" s {n}\t\u2028", "é漢😀"[: n % 4]) for n in range(20_000)]
    assert spool.write("some", iter(pairs)) == 20_000
    assert list(spool.pairs("some")) == pairs
    assert spool.write("some", []) == 0
    assert list(spool.pairs("some")) == []
    spool.remove("some")
    assert list((tmp_path / "new").iterdir()) == []


def recipe(folder, *, count=60, **text):
    files = tuple(str(path) for path in write_pairs(folder, toy_pairs(count)))
    data = Data(train=files, development_size=5, test_size=5, source_language="en", target_language="eu")
    return Recipe(name="toy", data=data, text=Text(tokenizer=Choice("words"), **text))


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def noticed(found):
    return {what: (one.count, [example.to_dict() for example in one.examples]) for what, one in found.noticed.items()}


def test_training_pairs_with_a_held_out_target_are_counted(tmp_path, monkeypatch):
    """Whichever corpus they are of, wherever a chunk of rows ends, and whether the held-out set is given or drawn."""
    monkeypatch.setattr("seq2seq.data.store.ROWS_A_CHUNK", 4)
    one = write_pairs(tmp_path, [*numbered("a", 5), ("What now?", "Shared answer")], name="one")
    two = write_pairs(tmp_path, [*numbered("b", 6), ("And now?", "shared answer!")], name="two")
    held = write_pairs(tmp_path, [("x", "SHARED answer"), ("y", "more")], name="held")
    corpora = tuple(Corpus(train=tuple(map(str, files))) for files in (one, two))
    data = Data(corpora=corpora, development=tuple(map(str, held)), source_language="en", target_language="eu")
    words = Text(tokenizer=Choice("words"))
    done = prepare(Recipe(name="x", data=data, text=words), RunFolder(tmp_path / "given"))
    assert noticed(done.manifest.cleaning["train"]) == {
        KNOWN_TARGET: (
            2,
            [
                {"corpus": "one.en", "line": 6, "source": "What now?", "target": "Shared answer"},
                {"corpus": "two.en", "line": 7, "source": "And now?", "target": "shared answer!"},
            ],
        )
    }
    same = write_pairs(tmp_path, [(f"source {n}", "the one answer") for n in range(20)], name="same")
    data = Data(train=tuple(map(str, same)), development_size=5, source_language="en", target_language="eu")
    done = prepare(Recipe(name="x", data=data, text=words), RunFolder(tmp_path / "drawn"))
    count, examples = noticed(done.manifest.cleaning["train"])[KNOWN_TARGET]
    assert (count, len(examples)) == (15, 3)
    assert "corpus" not in examples[0]  # there is only one


def tricky(count, seed=0):
    """Pairs of every kind: repeated ones, in other scripts, too long, too uneven, empty, of one target."""
    draw = random.Random(seed)
    words = ["mill", "Mühle", "水車", "a\u0301", "«so»", "&amp;", "\u2581x", "it's", "3:30", "ﬁn"]
    for n in range(count):
        source = " ".join(draw.choices(words, k=draw.randint(1, 9))) + f" {draw.randint(0, count)}"
        target = source[::-1] if n % 7 else "the one answer"
        odd = {11: ("", target), 12: (source, source * 60), 13: ("one  two", "eins\tzwei")}
        yield odd.get(n % 40, (source, target))


def mixed(data, text):
    return Recipe(name="x", data=data, text=text, model=Model(tie="target"))


@pytest.mark.parametrize(
    "text", [Text(vocabulary_size=420), Text(tokenizer=Choice("words"), joint=False, case="true")], ids=["bpe", "words"]
)
def test_any_number_of_processes_gives_the_same_bytes(text, tmp_path, monkeypatch):
    monkeypatch.setattr("seq2seq.pipeline.prepare.gather.BATCH_PAIRS", 70)
    monkeypatch.setattr("seq2seq.data.store.ROWS_A_CHUNK", 64)
    files = [write_pairs(tmp_path, list(tricky(700, seed)), name=f"f{seed}") for seed in (0, 1)]
    corpora = tuple(Corpus(train=tuple(map(str, paths))) for paths in files)
    data = Data(corpora=corpora, development_size=9, test_size=8, source_language="en", target_language="eu")
    found = {}
    for threads in (1, 2, 3):
        monkeypatch.setattr("seq2seq.pipeline.workers.ALONE_FIRST", threads)  # so that parts are done here and there
        run = RunFolder(tmp_path / str(threads))
        done = prepare(mixed(data, text), run, threads=threads)
        assert set(done.seconds) == {"fingerprints", "reading", "vocabulary", "tokenising"}
        found[threads] = {path.relative_to(run.path): content for path, content in contents(run.path).items()}
    assert found[1] == found[2] == found[3]
    report = done.manifest.cleaning["train"]
    assert report.dropped.keys() >= {"empty", "length", "duplicate"}
    assert report.noticed


def test_the_manifest_names_the_corpora(tmp_path):
    run = RunFolder(tmp_path / "run")
    done = prepare(recipe(tmp_path), run)
    pairs = len(Store(run.split("train")))
    (corpus,) = done.manifest.corpora
    assert corpus == TrainingCorpus(name=corpus.name, pairs=pairs, weight=1.0)
    counts = done.manifest.splits["train"].to_dict()
    store = Store(run.split("train"))
    assert counts == {
        "pairs": len(store),
        "source_tokens": store.source.lengths.sum(),
        "target_tokens": store.target.lengths.sum(),
        "longest_source": store.source.lengths.max(),
        "longest_target": store.target.lengths.max(),
    }
    assert not (run.path / "spool").exists()
    assert done.manifest == run.read_manifest()
    assert done.manifest.to_dict() == json.loads(run.manifest.read_text(encoding="utf-8"))


class Full:
    """A disk that is full when its turn comes: the real function, but for one call."""

    def __init__(self, real, turn):
        self.real, self.turn, self.calls = real, turn, 0

    def __call__(self, *arguments, **settings):
        self.calls += 1
        if self.calls == self.turn:
            if isinstance(arguments[0], Path):
                arguments[0].parent.mkdir(parents=True, exist_ok=True)
                arguments[0].write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        return self.real(*arguments, **settings)


# Where the disk fills up, or Ctrl-C comes: which function's which call.
STEPS = [
    *(("seq2seq.data.store.writing", turn) for turn in range(1, 7)),
    ("seq2seq.text.words.Words.train", 1),
    ("seq2seq.text.pairs.TokenizerPair.save", 1),
    ("seq2seq.pipeline.prepare.prepare.write_text", 1),
    ("seq2seq.manifest.write_json", 1),
]


@pytest.mark.parametrize(("step", "turn"), STEPS)
def test_a_full_disk_costs_nothing(step, turn, tmp_path, monkeypatch):
    first = recipe(tmp_path)
    run, new = RunFolder(tmp_path / "run"), RunFolder(tmp_path / "new")
    prepare(first, run)
    run.checkpoints.mkdir()
    (run.checkpoints / "weights").write_text("precious")
    before = contents(run.path)
    second = recipe(tmp_path, vocabulary_size=40)
    module_name, _, name = step.rpartition(".")
    owner = sys.modules.get(module_name)
    if owner is None:  # a class
        class_module, _, class_name = module_name.rpartition(".")
        owner = getattr(sys.modules[class_module], class_name)
    with monkeypatch.context() as patch:
        for folder in (run, new):
            patch.setattr(owner, name, Full(getattr(owner, name), turn))
            with pytest.raises(OSError, match="No space left"):
                prepare(second, folder, force=True)
            patch.undo()
    assert contents(run.path) == before
    assert not new.path.exists()
    assert prepare(second, run, force=True).changed
    assert not run.checkpoints.exists()
    assert prepare(second, new).changed


@pytest.mark.parametrize("turn", [1, 2, 3, 4])
def test_a_replacement_that_was_cut_off_is_finished_the_next_time(turn, tmp_path, monkeypatch):
    wanted, run = RunFolder(tmp_path / "wanted"), RunFolder(tmp_path / "run")
    prepare(recipe(tmp_path), run)
    (run.path / "metrics.jsonl").write_text("of the old data")
    second = recipe(tmp_path, vocabulary_size=40)
    prepare(second, wanted)
    real, calls = Path.replace, []

    def killed(self, target):
        if Path(target).parent == run.path and self.parent.name == "ready":
            calls.append(target)
            if len(calls) == turn:
                raise KeyboardInterrupt
        return real(self, target)

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        prepare(second, run)
    monkeypatch.undo()
    assert not run.manifest.exists()  # nobody takes it for whole
    monkeypatch.setattr(module, "gather", None)  # what was made is not made again
    assert not prepare(second, run).changed
    expected = {path.relative_to(wanted.path): content for path, content in contents(wanted.path).items()}
    assert {path.relative_to(run.path): content for path, content in contents(run.path).items()} == expected


def test_a_replacement_that_had_not_begun_is_forgotten(tmp_path, monkeypatch):
    run, first = RunFolder(tmp_path / "run"), recipe(tmp_path)
    prepare(first, run)

    def killed(self, missing_ok=False):
        if self == run.manifest:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            prepare(recipe(tmp_path, vocabulary_size=40), run, force=True)
    assert (run.path / "spool" / "ready" / "manifest.json").is_file()
    run.checkpoints.mkdir()  # of a training since
    (run.checkpoints / "weights").write_text("precious")
    data = run.split("train").read_bytes()
    longer = Recipe(name=first.name, data=first.data, text=first.text, training=Training(max_epochs=7))
    assert prepare(longer, run).settings_changed
    assert (run.checkpoints / "weights").read_text() == "precious"
    assert run.split("train").read_bytes() == data
    assert not (run.path / "spool").exists()


@pytest.mark.parametrize("edit", ["", "damaged = [", "max_epochs = 9.0"])
def test_an_edited_recipe_gets_the_wanted_settings_again(edit, tmp_path):
    run, first = RunFolder(tmp_path / "run"), recipe(tmp_path)
    prepare(first, run)
    before = contents(run.path)
    text = run.recipe.read_text(encoding="utf-8")
    run.recipe.write_text(text.replace("max_epochs = 20.0", edit) if edit else "", encoding="utf-8")
    done = prepare(first, run)
    assert (done.changed, done.settings_changed) == (False, True)
    assert contents(run.path) == before
    assert not prepare(first, run).settings_changed


@pytest.mark.parametrize("place", ["file", "run"])
def test_a_name_that_is_not_utf8_is_refused_before_any_work(place, tmp_path):
    wrong, good = "caf\udce9", recipe(tmp_path)
    files = (f"{tmp_path}/{wrong}.en", f"{tmp_path}/toy.eu") if place == "file" else good.data.train
    run = RunFolder(tmp_path / (wrong if place == "run" else "run"))
    data = Data(train=files, development_size=5, source_language="en", target_language="eu")
    with pytest.raises(UserError, match=r"caf\\xe9.* is not UTF-8. Rename"):
        prepare(Recipe(name="toy", data=data), run)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["toy.en", "toy.eu"]


@pytest.fixture
def held(tmp_path):
    """A run that another process holds, as a training does."""
    run = RunFolder(tmp_path / "run")
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(run.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        yield run
        holder.kill()


def test_while_a_run_is_held_nothing_of_it_is_changed(tmp_path, held):
    first = recipe(tmp_path)
    with pytest.raises(UserError, match="Another process is preparing or training"):
        prepare(first, held)
    assert [path.name for path in held.path.iterdir()] == [LOCK]


def test_a_training_goes_on_while_its_data_is_found_up_to_date(tmp_path):
    run, first = RunFolder(tmp_path / "run"), recipe(tmp_path)
    prepare(first, run)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(run.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        before = contents(run.path)
        assert not prepare(first, run).changed
        other_settings = Recipe(name=first.name, data=first.data, text=first.text, training=Training(max_epochs=7))
        for other in (recipe(tmp_path, vocabulary_size=40), other_settings):
            with pytest.raises(UserError, match="Another process"):
                prepare(other, run)
        with pytest.raises(UserError, match="Another process"):
            prepare(first, run, force=True)
        assert contents(run.path) == before
        holder.kill()
    assert prepare(other_settings, run).settings_changed


def test_a_training_reads_what_there_is_once_the_run_is_its_own(tmp_path, monkeypatch):
    run = RunFolder(tmp_path / "run")
    prepare(recipe(tmp_path), run)
    before = load_recipe(run.recipe)

    @contextmanager
    def late(folder):
        prepare(recipe(tmp_path, vocabulary_size=40), folder)  # another process ends while this one waits to begin
        with only_one(folder):
            yield

    monkeypatch.setattr("seq2seq.pipeline.train.train.only_one", late)
    with pytest.raises(UserError, match="was prepared with other settings"):
        train(before, run, threads=1)
    assert not run.checkpoints.exists()
