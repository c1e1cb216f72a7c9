"""Synthetic pairs: what is translated, what is left of it, and the runs that are prepared with it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from made_facts import made_facts
from made_manifests import made_manifest, split_of
from msgspec.structs import replace as changed
from toy_runs import show_all_progress, toy_pairs, write_pairs

from seq2seq.bundle import Bundle, RunFolder
from seq2seq.corpus.pair import Pair
from seq2seq.data.mixing import epoch_counts
from seq2seq.data.store import Store
from seq2seq.errors import UserError
from seq2seq.manifest import Start, StartingModel, StartInputs, TrainingCorpus, VocabularySizes
from seq2seq.pipeline.models.card import data_facts
from seq2seq.pipeline.prepare.basis import Basis
from seq2seq.pipeline.prepare.cleaning import told
from seq2seq.pipeline.prepare.inputs import data_digest
from seq2seq.pipeline.prepare.prepare import prepare
from seq2seq.pipeline.prepare.reasons import SET_BY_YOU, values
from seq2seq.pipeline.prepare.turning import turned
from seq2seq.pipeline.synthetic import backtranslate as back_module
from seq2seq.pipeline.synthetic import distill as distill_module
from seq2seq.pipeline.synthetic import sieving, writing
from seq2seq.pipeline.synthetic.backtranslate import backtranslate, make_room, usual_weight
from seq2seq.pipeline.synthetic.corpora import Rows, corpora_of, made_corpus, named
from seq2seq.pipeline.synthetic.distill import distill
from seq2seq.pipeline.synthetic.pacing import paced
from seq2seq.pipeline.synthetic.place import new_run, run_with_pairs, texts
from seq2seq.pipeline.synthetic.selecting import reading
from seq2seq.pipeline.synthetic.settings import asked, recipe_of
from seq2seq.pipeline.synthetic.sieving import Sieve
from seq2seq.pipeline.synthetic.writing import Author, translated
from seq2seq.recipe.decode import table_from_recipe
from seq2seq.recipe.overrides import apply_overrides
from seq2seq.recipe.presets import Preset
from seq2seq.recipe.schema import Choice, Corpus, Data, Evaluation, Model, Recipe, Search, Text
from seq2seq.recipe.toml import dump_recipe, load_recipe
from seq2seq.text.pairs import TokenizerPair
from seq2seq.text.tagged import tags_of
from seq2seq.translating.translation import Translation

PAIRS = toy_pairs(90)
DEVELOPMENT, TEST, TRAIN = PAIRS[:10], PAIRS[10:20], PAIRS[20:]


class Told:
    """A translator made by hand.

    Attributes:
        says: Gives the translation of a line, or several.
        stop_after: Ctrl-C is pressed after so many lines; 0: never.
        read: The lines that it has translated.
        asked: How each call was to search.
    """

    engine, evaluation = SimpleNamespace(name="told"), Evaluation()

    def __init__(self, says, stop_after: int = 0) -> None:
        self.says, self.stop_after, self.read, self.asked = says, stop_after, [], []

    def translate_windows(self, windows, settings, *, nbest=1, **_):
        self.asked.append(settings)
        for window in windows:
            for line in window:
                if self.stop_after and len(self.read) == self.stop_after:
                    raise KeyboardInterrupt
                self.read.append(line)
                said = self.says(line)
                found = [
                    Translation(line, text, -1.0, -1.0, [], [], [])
                    for text in ([said] if isinstance(said, str) else said)
                ]
                yield found[0] if nbest == 1 else replace(found[0], nbest=found[:nbest])


def author(translator, way=("en", "eu"), **search) -> Author:
    facts = made_facts(**dict(zip(("source_language", "target_language"), way, strict=True)))
    settings = Search(batch_sentences=1, **search)
    return Author(Bundle(Path("teacher"), Recipe(), facts), {"model": "a"}, settings, lambda: translator)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> RunFolder:
    """A prepared run of three sets, with a filter and reasons of its own, which learned from other pairs backwards."""
    folder = tmp_path_factory.mktemp("files")
    for name, pairs in {"train": TRAIN, "dev": DEVELOPMENT, "test": TEST}.items():
        write_pairs(folder, pairs, name=name)
    data = Data(
        source_language="eu",
        target_language="en",
        reverse=True,
        train=("train.eu", "train.en"),
        development=("dev.eu", "dev.en"),
        test=("test.eu", "test.en"),
        filters=(Choice("empty"), Choice("length", {"maximum": 30})),
    )
    recipe = Recipe(name="toy", data=data, text=Text(vocabulary_size=330), model=Model(embedding_size=16))
    run = RunFolder(folder / "run")
    prepare(recipe, run, folder=folder, threads=1)
    return run


def sides(run: RunFolder, name: str = "train") -> list[tuple[str, str]]:
    return [(row.source, row.target) for row in Store(run.split(name)).rows()]


def start_of(name: str) -> Start:
    """What a run says that goes on from the model of that name."""
    told = StartingModel(name=name, update=1, weights="0" * 32, old_share=0.0)
    return Start(weights=told.weights, told=told, command="seq2seq finetune …")


def fine_tuned(prepared: RunFolder, folder: Path) -> RunFolder:
    """The same run, as if it went on from another model."""
    shutil.copytree(prepared.path, folder)
    run = RunFolder(folder)
    changed(run.read_manifest(), start=start_of("first")).write(run.manifest)
    return run


def shout(line: str) -> str:
    """A translation that shares no word with its source, nor with a reference."""
    return " ".join(word[::-1].upper() + "X" for word in line.strip().rstrip(".").split()) + " ."


class TestDistill:
    def test_the_student_has_what_the_teacher_said_and_what_the_teacher_had(self, tmp_path, prepared) -> None:
        run = RunFolder(tmp_path / "student")
        teacher = Told(shout)
        made = distill(author(teacher), prepared, run, distill_module.Wish(weight=0.5), minutes=7, threads=1)
        assert teacher.read == [source for source, _ in TRAIN]
        assert sides(run) == TRAIN + [(source, shout(source)) for source, _ in TRAIN]
        assert made.manifest.to_dict()["corpora"] == [
            {"name": "original", "pairs": len(TRAIN), "weight": 1.0},
            {"name": "distilled", "pairs": len(TRAIN), "weight": 0.5, "by": "distill"},
        ]
        recipe, before = load_recipe(run.recipe), load_recipe(prepared.recipe)
        assert (recipe.data.source_language, recipe.data.target_language, recipe.data.reverse) == ("en", "eu", False)
        assert (recipe.training.minutes, recipe.training.max_epochs) == (7, 0)
        assert (recipe.model, recipe.text, recipe.name) == (before.model, before.text, "student")
        # To the byte: a score of the one can be compared with a score of the other.
        for name in ("development", "test"):
            assert [row[1:] for row in Store(run.split(name)).rows()] == [
                row[1:] for row in Store(prepared.split(name)).rows()
            ]
        files = [path.relative_to(run.tokenizers) for path in run.tokenizers.rglob("*") if path.is_file()]
        assert files
        for file in files:
            assert (run.tokenizers / file).read_bytes() == (prepared.tokenizers / file).read_bytes()

    def test_only_what_the_teacher_said(self, tmp_path, prepared) -> None:
        run = RunFolder(tmp_path / "student")
        distill(author(Told(shout)), prepared, run, distill_module.Wish(keep=False), threads=1)
        assert sides(run) == [(source, shout(source)) for source, _ in TRAIN]
        assert [one.by for one in run.read_manifest().corpora] == ["distill"]
        again = RunFolder(tmp_path / "again")
        distill(author(Told(shout)), run, again, distill_module.Wish(), threads=1)
        assert [one.by for one in again.read_manifest().corpora] == ["distill", "distill"]

    def test_what_the_teacher_failed_at_is_left_out_and_shown(self, tmp_path, prepared) -> None:
        failures = {
            0: ("", "empty"),
            1: ("ja " * 9, "repeated"),
            2: ("w x y z " * 4 + "q", "ratio"),
            3: (TRAIN[3][0], "copied"),
        }
        answers = {TRAIN[number][0]: text for number, (text, _) in failures.items()}
        run = RunFolder(tmp_path / "student")
        teacher = Told(lambda line: answers.get(line.strip(), shout(line)))
        wish = distill_module.Wish(keep=False, sieve=Sieve(max_ratio=1.5))
        made = distill(author(teacher), prepared, run, wish, threads=1)
        assert sides(run) == [(source, shout(source)) for source, _ in TRAIN[4:]]
        dropped = made.manifest.synthetic.sieved.dropped
        assert {reason: one.count for reason, one in dropped.items()} == {reason: 1 for _, reason in failures.values()}
        (example,) = dropped["copied"].examples
        assert example.to_dict() == {"line": 4, "source": TRAIN[3][0], "target": TRAIN[3][0]}

    def test_given_text_is_translated_once_and_nothing_that_is_held_out(self, tmp_path, prepared) -> None:
        file = tmp_path / "more.en"
        long = "a very " * 20 + "long dog"
        given = [
            "two  red dogs sing",
            DEVELOPMENT[0][0].upper(),
            TEST[1][0],
            "",
            "two red dogs sing",
            long,
            "six cats sing",
        ]
        file.write_text("\n".join(given) + "\n", encoding="utf-8")
        run = RunFolder(tmp_path / "student")
        teacher = Told(shout)
        made = distill(author(teacher), prepared, run, distill_module.Wish((file,)), threads=1)
        assert teacher.read == ["two red dogs sing", "six cats sing"]
        told = made.manifest.synthetic.selected
        assert (told.read, told.kept) == (7, 2)
        counts = {reason: one.count for reason, one in told.dropped.items()}
        assert counts == {"leakage": 2, "empty": 1, "duplicate": 1, "length": 1}

    def test_a_run_without_a_limit_on_lengths_has_long_sentences_translated_too(self, tmp_path, prepared) -> None:
        of, run = RunFolder(tmp_path / "of"), RunFolder(tmp_path / "student")
        shutil.copytree(prepared.path, of.path)
        recipe = load_recipe(of.recipe)
        unlimited = changed(recipe, data=changed(recipe.data, filters=(Choice("empty"),)))
        of.recipe.write_text(dump_recipe(unlimited), encoding="utf-8")
        long = " ".join(f"word{n}" for n in range(120))
        (tmp_path / "more.en").write_text(long + "\n", encoding="utf-8")
        teacher = Told(shout)
        distill(author(teacher), of, run, distill_module.Wish((tmp_path / "more.en",)), threads=1)
        assert teacher.read == [long]

    def test_how_people_had_their_text_cleaned_goes_from_student_to_student(self, tmp_path, prepared) -> None:
        first, second = RunFolder(tmp_path / "first"), RunFolder(tmp_path / "second")
        distill(author(Told(shout)), prepared, first, distill_module.Wish(), threads=1)
        text = tmp_path / "more.en"
        text.write_text("a very " * 20 + "long dog\nsix cats sing\n", encoding="utf-8")  # the run takes 30 words
        teacher = Told(shout)
        made = distill(author(teacher), first, second, distill_module.Wish((text,)), threads=1)
        assert teacher.read == ["six cats sing"]
        cleaning = made.manifest.synthetic.cleaning
        assert cleaning == first.read_manifest().synthetic.cleaning == data_facts(made.manifest).cleaning
        assert [one.name for one in load_recipe(second.recipe).data.filters] == ["empty"]
        assert cleaning == told(load_recipe(prepared.recipe).data)

    def test_of_several_the_one_most_like_the_reference(self, tmp_path, prepared) -> None:
        references = dict(TRAIN)

        def alternatives(line: str) -> list[str]:
            words = references[line.strip()].split()
            return [shout(line), " ".join(words[:-2]), " ".join([*words, "ere"]), " ".join(words[::-1])]

        run = RunFolder(tmp_path / "student")
        wish = distill_module.Wish(keep=False, nearest=4)
        distill(author(Told(alternatives)), prepared, run, wish, threads=1)
        assert sides(run) == [(source, f"{target} ere") for source, target in TRAIN]

    @pytest.mark.parametrize("nearest", [0, 3])
    def test_any_number_of_processes_chooses_the_same(self, tmp_path, prepared, monkeypatch, capsys, nearest) -> None:
        references = dict(TRAIN)

        def alternatives(line: str) -> list[str]:
            words = references[line.strip()].split()
            good, stuck = " ".join(words[:-1]), " ".join(words[:1] * 9)
            return [stuck if len(line) % 2 else good, shout(line), line.strip()]

        show_all_progress(monkeypatch)
        monkeypatch.setattr(sieving, "_BLOCK", 8)
        made = {}
        for threads in (1, 3):
            run, teacher = RunFolder(tmp_path / f"{threads}"), Told(alternatives)
            told = distill(author(teacher), prepared, run, distill_module.Wish(nearest=nearest), threads=threads)
            files = [(run.path / "text" / f"distilled.{side}").read_text() for side in ("source", "target")]
            made[threads] = (files, told.manifest.synthetic.sieved)
            assert f"choosing: {len(TRAIN)}/{len(TRAIN)} pairs, 100 %" in capsys.readouterr().err
        assert made[1] == made[3]
        assert made[1][1].read == len(TRAIN)
        assert 0 < made[1][1].kept < len(TRAIN)

    def test_the_nearest_is_of_the_likeliest_and_not_of_those_most_like_each_other(self, tmp_path, prepared) -> None:
        teacher, wishes = Told(lambda line: [shout(line)] * 2), {"near": 2, "plain": 0}
        for name, nearest in wishes.items():
            wish = distill_module.Wish(nearest=nearest)
            distill(author(teacher, mbr=8), prepared, RunFolder(tmp_path / name), wish, threads=1)
        assert [settings.mbr for settings in teacher.asked] == [0, 8]

    def test_a_missing_tokenizer_is_told_before_anything_is_translated(self, tmp_path, prepared, monkeypatch) -> None:
        monkeypatch.setattr("sacrebleu.tokenizers.tokenizer_ja_mecab.MeCab", None)
        pairs, run, teacher = RunFolder(tmp_path / "pairs"), RunFolder(tmp_path / "student"), Told(shout)
        shutil.copytree(prepared.path, pairs.path)
        recipe = apply_overrides(load_recipe(pairs.recipe), ["evaluation.tokenize=ja-mecab"])
        pairs.recipe.write_text(dump_recipe(recipe))
        with pytest.raises(UserError, match="'ja-mecab' cannot be loaded"):
            distill(author(teacher), pairs, run, distill_module.Wish(nearest=2), threads=1)
        assert not teacher.asked
        assert not run.path.exists()

    def test_an_interrupted_one_goes_on_and_is_the_same(self, tmp_path, prepared, capsys) -> None:
        runs = [RunFolder(tmp_path / name) for name in ("whole", "cut")]
        distill(author(Told(shout)), prepared, runs[0], distill_module.Wish(), threads=1)
        with pytest.raises(KeyboardInterrupt):
            distill(author(Told(shout, stop_after=45)), prepared, runs[1], distill_module.Wish(), threads=1)
        assert not runs[1].manifest.exists()
        with pytest.raises(UserError, match="before an interruption"):
            distill(author(Told(shout)), prepared, runs[1], distill_module.Wish(), threads=1)
        teacher = Told(shout)
        distill(author(teacher), prepared, runs[1], distill_module.Wish(), resume=True, threads=1)
        assert 0 < len(teacher.read) < len(TRAIN)
        for name in ("train", "development", "test"):
            assert runs[0].split(name).read_bytes() == runs[1].split(name).read_bytes()
        # And once more: nothing is translated twice by the same models.
        teacher = Told(shout)
        again = distill(author(teacher), prepared, runs[1], distill_module.Wish(), threads=1)
        assert (teacher.read, again.changed) == ([], False)
        other = replace(author(teacher), facts={"model": "another"})
        distill(other, prepared, runs[1], distill_module.Wish(), threads=1)
        assert len(teacher.read) == len(TRAIN)

    def test_a_run_keeps_the_vocabulary_that_it_took_over(self, tmp_path, prepared) -> None:
        run = RunFolder(tmp_path / "student")
        distill(author(Told(shout)), prepared, run, distill_module.Wish(), threads=1)
        before = (run.tokenizers / "joint" / "sentencepiece.model").read_bytes()
        recipe = load_recipe(run.recipe)
        recipe = changed(recipe, data=changed(recipe.data, temperature=2.0))
        assert prepare(recipe, run, folder=texts(run), threads=1).changed
        assert (run.tokenizers / "joint" / "sentencepiece.model").read_bytes() == before

    def test_nor_does_it_say_that_it_has_another_vocabulary(self, tmp_path, prepared) -> None:
        run = RunFolder(tmp_path / "student")
        distill(author(Told(shout)), prepared, run, distill_module.Wish(), threads=1)
        before = run.recipe.read_bytes()
        other = apply_overrides(load_recipe(run.recipe), ["text.vocabulary_size=999"])
        for force in (False, True):
            with pytest.raises(UserError, match=r"text\.vocabulary_size cannot change"):
                prepare(other, run, folder=texts(run), force=force, threads=1)
        assert run.recipe.read_bytes() == before

    def test_an_extra_test_set_comes_along(self, tmp_path, prepared) -> None:
        extra = RunFolder(tmp_path / "teacher")
        for path in ("data", "tokenizer", "manifest.json", "recipe.toml"):
            (extra.path / path).parent.mkdir(exist_ok=True)
            (extra.path / path).symlink_to(prepared.path / path) if path == "tokenizer" else None
        manifest = prepared.read_manifest()
        splits = {**manifest.splits, "combinations": manifest.splits["test"]}
        cleaning = {**manifest.cleaning, "combinations": manifest.cleaning["test"]}
        changed(manifest, splits=splits, cleaning=cleaning).write(extra.manifest)
        extra.recipe.write_bytes(prepared.recipe.read_bytes())
        extra.split("x").parent.mkdir()
        for name in ("train", "development", "test", "combinations"):
            source = prepared.split("test" if name == "combinations" else name)
            extra.split(name).write_bytes(source.read_bytes())
        run = RunFolder(tmp_path / "student")
        distill(author(Told(shout)), extra, run, distill_module.Wish(), threads=1)
        assert run.split("combinations").read_bytes() == prepared.split("test").read_bytes()
        assert run.read_manifest().splits["combinations"].pairs == len(TEST)
        assert not distill(author(Told(shout)), extra, run, distill_module.Wish(), threads=1).changed
        # And it stays when the student is prepared again, here or elsewhere; the other way round it would be another.
        before, recipe = run.read_manifest(), load_recipe(run.recipe)
        other, back = RunFolder(tmp_path / "other"), RunFolder(tmp_path / "back")
        prepare(recipe, run, folder=texts(run), force=True, threads=1)
        prepare(recipe, other, folder=texts(run), origin=run, threads=1)
        prepare(turned(recipe), back, folder=texts(run), origin=run, threads=1)
        for again in (run, other):
            assert again.split("combinations").read_bytes() == prepared.split("test").read_bytes()
            now = again.read_manifest()
            for ours, theirs in ((now.splits, before.splits), (now.cleaning, before.cleaning)):
                assert ours.keys() == theirs.keys()
                assert ours["combinations"] == theirs["combinations"]
        assert back.splits() == ["development", "test", "train"]

    def test_what_cannot_be(self, tmp_path, prepared) -> None:
        run = RunFolder(tmp_path / "student")
        with pytest.raises(UserError, match="translates from eu to en, and what is needed is en to eu"):
            distill(author(Told(shout), ("eu", "en")), prepared, run, distill_module.Wish(), threads=1)
        with pytest.raises(UserError, match="--source has none"):
            distill(author(Told(shout)), prepared, run, distill_module.Wish((tmp_path / "x",), nearest=3), threads=1)
        with pytest.raises(UserError, match="greedy search finds one"):
            distill(author(Told(shout), name="greedy"), prepared, run, distill_module.Wish(nearest=3), threads=1)
        with pytest.raises(UserError, match=r"--weight .* --only-distilled") as error:
            distill(author(Told(shout)), prepared, run, distill_module.Wish(keep=False, weight=0.5), threads=1)
        assert error.value.hint == "Leave out one of the two."
        for teacher in (author(Told(shout), name="greedy"), author(Told(shout))):
            with pytest.raises(UserError, match="--nearest 1 leaves no choice") as error:
                distill(teacher, prepared, run, distill_module.Wish(nearest=1), threads=1)
            assert error.value.hint == "Give 2 or more, or 0 for the likeliest."
        assert not run.path.exists()
        with pytest.raises(
            UserError, match=f"Of {len(TRAIN)} pairs .* none is worth training on. Left out: .* copied"
        ) as error:
            distill(author(Told(str.strip)), prepared, run, distill_module.Wish(), threads=1)
        assert "--max-copied" in error.value.hint
        assert "--max-ratio" not in error.value.hint
        (tmp_path / "blank").write_text("\n\n")
        with pytest.raises(UserError, match="Of 2 sentences none is left") as error:
            distill(author(Told(shout)), prepared, run, distill_module.Wish((tmp_path / "blank",)), threads=1)
        assert error.value.hint == "Left out: 2 empty."
        assert not run.manifest.exists()

    def test_a_teacher_that_says_nothing_is_no_matter_of_limits(self, tmp_path, prepared) -> None:
        run = RunFolder(tmp_path / "student")
        with pytest.raises(UserError, match=r"Left out: \d+ empty\.") as error:
            distill(author(Told(lambda _: "")), prepared, run, distill_module.Wish(), threads=1)
        assert str(run.path / "text" / "distilled.written") in error.value.hint
        assert "--max" not in error.value.hint
        assert "evaluate" not in error.value.hint

    def test_nobody_is_said_to_have_set_what_they_did_not(self, tmp_path, prepared) -> None:
        """What follows from the text's new place is no choice of the person's; what they set, before or now, is."""
        of = RunFolder(tmp_path / "teacher")
        shutil.copytree(prepared.path, of.path)
        reasons = {
            "data.source_language": "As the files say.",
            "data.train": "The files you gave.",
            "data.deduplicate": "No pair counts twice.",
            "model.dropout": "Few pairs.",
            "training.learning_rate": "As always.",
            "training.max_epochs": "As many as it takes.",
            "training.minutes": "No limit.",
            "training.patience": "Not too early.",
        }
        chosen = {**values(load_recipe(of.recipe), reasons), "model.dropout": 0.123}  # changed in the file since
        changed(of.read_manifest(), reasons=reasons, chosen=chosen).write(of.manifest)
        run = RunFolder(tmp_path / "student")
        settings = ["training.learning_rate=0.001"]
        made = distill(
            author(Told(shout)), of, run, distill_module.Wish(), minutes=7, settings=settings, threads=1
        ).manifest
        assert made.reasons == {
            "model.dropout": SET_BY_YOU,
            "training.learning_rate": SET_BY_YOU,
            "training.minutes": SET_BY_YOU,
            "training.patience": "Not too early.",
        }
        assert made.chosen.keys() == made.reasons.keys()


class TestInterrupted:
    """A file that is translated whole, or gone on with, is not translated again; one of other models' is never taken.

    `written` is as `translated` leaves it, and `killed` ends the process at the moment at which a file is whole.
    """

    @pytest.fixture
    def source(self, tmp_path) -> Path:
        file = tmp_path / "selected"
        file.write_text("".join(f"{source}\n" for source, _ in TRAIN), encoding="utf-8")
        return file

    @pytest.fixture
    def target(self, tmp_path) -> Path:
        return tmp_path / "written"

    @pytest.fixture
    def killed(self, monkeypatch, source, target):
        def make(one: Author) -> None:
            write = writing.write_json

            def writes(path, value) -> None:
                if "blake2b" in value:
                    raise KeyboardInterrupt
                write(path, value)

            with monkeypatch.context() as patched:
                patched.setattr(writing, "write_json", writes)
                with pytest.raises(KeyboardInterrupt):
                    translated(one, source, target)

        return make

    def test_what_is_whole_is_taken_though_its_checksum_was_not_written(self, source, target, killed) -> None:
        teacher = Told(shout)
        killed(author(teacher))
        assert len(teacher.read) == len(TRAIN)
        for _ in range(2):  # now its checksum is there, and counts
            assert not translated(author(teacher), source, target)
        assert len(teacher.read) == len(TRAIN)
        record = target.with_name("written.json")
        assert json.loads(record.read_text()).keys() == {"facts", "blake2b"}
        with target.open("a") as file:
            file.write("changed\n")
        assert translated(author(teacher), source, target)
        assert target.read_text() == "".join(f"{shout(source)}\n" for source, _ in TRAIN)

    def test_what_other_models_have_written_is_not(self, source, target, killed) -> None:
        killed(author(Told(shout)))
        teacher = Told(str.lower)
        assert translated(replace(author(teacher), facts={"model": "b"}), source, target)
        assert len(teacher.read) == len(TRAIN)

    def test_nor_is_a_whole_file_from_before_an_interruption(self, source, target) -> None:
        """The file of model a must not pass for b's, whose work ended with its first line."""
        assert translated(author(Told(shout)), source, target)

        def stops(line: str) -> str:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            translated(replace(author(Told(stops)), facts={"model": "b"}), source, target)
        teacher = Told(str.lower)
        assert translated(replace(author(teacher), facts={"model": "b"}), source, target)
        assert len(teacher.read) == len(TRAIN)

    def test_nor_is_one_beside_which_there_is_a_part(self, source, target, killed) -> None:
        killed(author(Told(shout)))
        target.with_name("written.part").write_text("x\n")
        teacher = Told(shout)
        assert translated(author(teacher), source, target)
        assert len(teacher.read) == len(TRAIN)

    def test_models_that_cannot_be_opened_cost_nothing(self, source, target) -> None:
        translated(author(Told(shout)), source, target)

        def fails() -> Told:
            raise UserError("There is no such model.")

        with pytest.raises(UserError, match="no such model"):
            translated(replace(author(None), facts={"model": "b"}, open=fails), source, target)
        assert not translated(author(Told(shout)), source, target)

    def test_one_process_at_a_time(self, source, target) -> None:
        def meanwhile(line: str) -> str:
            with pytest.raises(UserError, match="Another process is writing"):
                translated(replace(author(Told(shout)), facts={"model": "b"}), source, target)
            return shout(line)

        assert translated(author(Told(meanwhile)), source, target)
        assert not translated(author(Told(shout)), source, target)


class TestBacktranslate:
    @pytest.fixture
    def mono(self, tmp_path) -> Path:
        file = tmp_path / "mono.eu"
        lines = [f"{target} hau {n}" for n, (_, target) in enumerate(TRAIN[:40])]
        file.write_text("\n".join([TEST[0][1], *lines, DEVELOPMENT[2][1]]) + "\n", encoding="utf-8")
        return file

    def test_sources_are_written_tagged_and_mixed_in(self, tmp_path, prepared, mono) -> None:
        run = RunFolder(tmp_path / "more")
        wish = back_module.Wish((mono,), most=30, weight=0.25)
        made = backtranslate(author(Told(shout), ("eu", "en")), prepared, run, wish, threads=1)
        targets = [f"{target} hau {n}" for n, (_, target) in enumerate(TRAIN[:30])]
        assert sides(run) == TRAIN + [(shout(target), target) for target in targets]
        own = {"name": "backtranslated", "pairs": 30, "weight": 0.25, "tag": "<bt>", "by": "backtranslate"}
        # A pass has 101 rows, 91 of them genuine: of 20 passes over 71 pairs come 15.6.
        assert load_recipe(run.recipe).training.max_epochs == pytest.approx(20 * 71 / 91, rel=5e-3)
        assert "as in 20 passes before" in made.manifest.reasons["training.max_epochs"]
        assert made.manifest.corpora[1].to_dict() == own
        tokenizers, old = TokenizerPair.load(run.tokenizers), TokenizerPair.load(prepared.tokenizers)
        tag = tags_of(tokenizers.source)["<bt>"]
        assert tag == old.source.vocabulary_size
        assert tokenizers.source.vocabulary_size == tokenizers.target.vocabulary_size == tag + 1
        assert made.manifest.vocabulary == VocabularySizes(joint=True, source=tag + 1, target=tag + 1)
        for number, row in enumerate(Store(run.split("train")).rows()):
            opening = [tag] if number >= len(TRAIN) else []
            assert row.source_ids == [*opening, *old.source.encode(row.source)]
            assert row.target_ids == old.target.encode(row.target)
        assert load_recipe(run.recipe).data.corpora[1].tag == "<bt>"

    def test_again_on_top_with_a_name_of_its_own(self, tmp_path, prepared, mono) -> None:
        first, second = RunFolder(tmp_path / "one"), RunFolder(tmp_path / "two")
        reverse = author(Told(shout), ("eu", "en"))
        backtranslate(reverse, prepared, first, back_module.Wish((mono,), weight=2.0), threads=1)
        backtranslate(reverse, first, second, back_module.Wish((mono,), tag="<b2>"), threads=1)
        corpora = second.read_manifest().corpora
        assert [(one.name, one.tag, one.by) for one in corpora] == [
            ("original", "", ""),
            ("backtranslated", "<bt>", "backtranslate"),
            ("backtranslated-2", "<b2>", "backtranslate"),
        ]
        size = TokenizerPair.load(prepared.tokenizers).source.vocabulary_size
        openings = Counter(
            row.source_ids[0] for row in Store(second.split("train")).rows() if row.source_ids[0] >= size
        )
        assert openings == {size: 40, size + 1: 40}
        assert [one.weight for one in corpora] == [1.0, 2.0, 1.0]  # there was room, and two is what was asked for
        # What a model wrote is nothing for a teacher to translate.
        teacher = Told(shout)
        third = RunFolder(tmp_path / "three")
        distill(author(teacher), second, third, distill_module.Wish(), threads=1)
        assert teacher.read == [source for source, _ in TRAIN]
        by = [one.by for one in third.read_manifest().corpora]
        assert by == ["", "backtranslate", "backtranslate", "distill"]

    def test_prepared_again_it_is_still_known_who_wrote_what(self, tmp_path, prepared, mono) -> None:
        run = RunFolder(tmp_path / "more")
        backtranslate(author(Told(shout), ("eu", "en")), prepared, run, back_module.Wish((mono,)), threads=1)
        before = run.read_manifest()
        prepare(load_recipe(run.recipe), run, folder=run.path / "text", force=True, threads=1)
        again = run.read_manifest()
        assert [one.by for one in again.corpora] == ["", "backtranslate"]
        assert again.synthetic == before.synthetic

    def test_again_on_top_of_many_all_of_them_share(self, tmp_path, prepared, capsys) -> None:
        files = [tmp_path / f"mono-{n}.eu" for n in range(2)]
        for number, file in enumerate(files):
            file.write_text("".join(f"{target} hau {number} {n}\n" for n in range(4) for _, target in TRAIN))
        runs, reverse = [RunFolder(tmp_path / name) for name in ("one", "two")], author(Told(shout), ("eu", "en"))
        for of, run, file in zip((prepared, runs[0]), runs, files, strict=True):
            backtranslate(reverse, of, run, back_module.Wish((file,)), threads=1)
        weights = [[one.weight for one in run.read_manifest().corpora] for run in runs]
        assert weights == [[1.0, 0.5], [1.0, 0.25, 0.25]]
        assert [one.weight for one in load_recipe(runs[1].recipe).data.corpora] == weights[1]
        assert "2 for each genuine one, those of before included" in capsys.readouterr().err

    def test_prepared_in_another_folder_it_is_known_too(self, tmp_path, prepared, mono) -> None:
        of, run, other = (RunFolder(tmp_path / name) for name in ("of", "more", "other"))
        shutil.copytree(prepared.path, of.path)
        scripts = Choice("script", {"source": "Latin", "target": "Cyrillic"})
        recipe = load_recipe(of.recipe)
        cleaned = changed(recipe, data=changed(recipe.data, filters=(Choice("empty"), scripts)))
        of.recipe.write_text(dump_recipe(cleaned), encoding="utf-8")
        backtranslate(author(Told(shout), ("eu", "en")), of, run, back_module.Wish((mono,)), threads=1)
        recipe = apply_overrides(load_recipe(run.recipe), ["training.seed=2"])
        done = prepare(recipe, other, folder=run.path / "text", origin=run, threads=1)
        assert [one.by for one in done.manifest.corpora] == ["", "backtranslate"]
        assert reading(other) == reading(run)
        assert scripts.name in [one.name for one in reading(other).filters]
        for file in ("sentencepiece.model", "tokenizer.json"):
            model = Path("joint") / file
            assert (other.tokenizers / model).read_bytes() == (run.tokenizers / model).read_bytes()
        for again in (recipe, load_recipe(other.recipe)):
            origin = other if again is not recipe else run
            assert not prepare(again, other, folder=run.path / "text", origin=origin, threads=1).changed
        # It is no run of backtranslate's, to be made again by it.
        with pytest.raises(UserError, match="run of another kind"):
            new_run(other.path, prepared, "x", by="backtranslate")
        # Another vocabulary is another wish, which costs nothing where the run is another.
        fewer = apply_overrides(recipe, ["text.vocabulary_size=320"])
        prepare(fewer, other, folder=run.path / "text", origin=run, threads=1)
        assert TokenizerPair.load(other.tokenizers).source.vocabulary_size < 330

    def test_turned_round_so_are_its_authors(self, tmp_path, prepared, mono) -> None:
        run, taught, back = (RunFolder(tmp_path / name) for name in ("more", "taught", "back"))
        backtranslate(author(Told(shout), ("eu", "en")), prepared, run, back_module.Wish((mono,)), threads=1)
        distill(author(Told(shout)), run, taught, distill_module.Wish(), threads=1)
        manifest = taught.read_manifest()
        filters = [{"name": "script", "source": "Latin", "target": "Cyrillic"}]
        cleaning = {**manifest.synthetic.cleaning, "filters": filters}
        changed(manifest, synthetic=changed(manifest.synthetic, cleaning=cleaning)).write(taught.manifest)
        recipe = turned(load_recipe(taught.recipe))
        done = prepare(recipe, back, folder=taught.path / "text", origin=taught, threads=1)
        assert [one.by for one in manifest.corpora] == ["", "backtranslate", "distill"]
        assert [one.by for one in done.manifest.corpora] == ["", "distill", "backtranslate"]
        (script,) = reading(back).filters
        assert (script.settings["source"], script.settings["target"]) == ("Cyrillic", "Latin")
        old, new = TokenizerPair.load(taught.tokenizers), TokenizerPair.load(back.tokenizers)
        for source, target in TRAIN[:5]:
            assert new.source.encode(target) == old.target.encode(target)
            assert new.target.encode(source) == old.source.encode(source)

    @pytest.mark.parametrize("joint", [True, False])
    def test_turned_round_each_language_keeps_its_case_or_learns_its_own_words(self, tmp_path, joint) -> None:
        for name, pairs in {"train": TRAIN, "dev": DEVELOPMENT}.items():
            write_pairs(tmp_path, [(source.capitalize(), target) for source, target in pairs], name=name)
        files = {"train": ("train.en", "train.eu"), "development": ("dev.en", "dev.eu")}
        data = Data(source_language="en", target_language="eu", **files)
        kind = Choice("sentencepiece" if joint else "words")
        text = Text(tokenizer=kind, vocabulary_size=330, joint=joint, case="true")
        of, run, back = (RunFolder(tmp_path / name) for name in ("of", "student", "back"))
        model = Model(embedding_size=16, tie="all" if joint else "target")
        prepare(Recipe(name="toy", data=data, text=text, model=model), of, folder=tmp_path, threads=1)
        distill(author(Told(shout)), of, run, distill_module.Wish(), threads=1)
        prepare(turned(load_recipe(run.recipe)), back, folder=run.path / "text", origin=run, threads=1)
        old, new = TokenizerPair.load(run.tokenizers), TokenizerPair.load(back.tokenizers)
        source, target = TRAIN[1][0].capitalize(), TRAIN[1][1]
        assert new.target.decode(new.target.encode(source)) == old.source.decode(old.source.encode(source))
        assert new.source.decode(new.source.encode(target)) == old.target.decode(old.target.encode(target))
        assert bool(back.read_manifest().inputs.vocabulary) == joint

    def test_without_a_tag_the_vocabulary_is_the_old_one(self, tmp_path, prepared, mono) -> None:
        run = RunFolder(tmp_path / "more")
        backtranslate(author(Told(shout), ("eu", "en")), prepared, run, back_module.Wish((mono,), tag=""), threads=1)
        model = Path("joint") / "tokenizer.json"
        assert (run.tokenizers / model).read_bytes() == (prepared.tokenizers / model).read_bytes()

    def test_without_a_tag_they_are_still_no_text_of_a_persons(self, tmp_path, prepared, mono) -> None:
        first, second = RunFolder(tmp_path / "one"), RunFolder(tmp_path / "two")
        reverse = author(Told(shout), ("eu", "en"))
        backtranslate(reverse, prepared, first, back_module.Wish((mono,), tag=""), threads=1)
        teacher = Told(shout)
        distill(author(teacher), first, second, distill_module.Wish(), threads=1)
        assert teacher.read == [source for source, _ in TRAIN]
        # What a teacher wrote has a person's sources: with nothing else, it is what the next one learns from.
        third, fourth = RunFolder(tmp_path / "three"), RunFolder(tmp_path / "four")
        distill(author(Told(shout)), prepared, third, distill_module.Wish(keep=False), threads=1)
        distill(author(teacher), third, fourth, distill_module.Wish(), threads=1)
        assert teacher.read == 2 * [source for source, _ in TRAIN]

    def test_the_other_direction_is_asked_for_with_its_command(self, tmp_path, prepared, mono) -> None:
        with pytest.raises(UserError) as error:
            backtranslate(
                author(Told(shout)), prepared, RunFolder(tmp_path / "x"), back_module.Wish((mono,)), threads=1
            )
        assert f"seq2seq prepare {prepared.recipe} --reverse --run {prepared.path}-reversed" in error.value.hint

    @pytest.mark.parametrize(
        ("pairs", "temperature", "weight"), [(100, 1.0, 1.0), (300, 1.0, 1.0), (600, 1.0, 0.5), (300 * 16, 2.0, 0.5)]
    )
    def test_at_most_two_for_each_genuine_pair(self, pairs, temperature, weight) -> None:
        corpora = (
            [Rows("a", 0, 75, 2.0, ""), Rows("b", 75, 1000, 1.0, "<x>")]
            if temperature == 1
            else [Rows("a", 0, 300, 1.0, "")]
        )
        assert usual_weight(corpora, pairs, temperature) == pytest.approx(weight, rel=1e-2)

    def test_what_a_model_wrote_is_not_genuine_though_it_has_no_tag(self) -> None:
        genuine, earlier = Rows("a", 0, 100, 1.0, ""), Rows("b", 100, 1100, 1.0, "", "backtranslate")
        taught = Rows("c", 1100, 1200, 1.0, "", "distill")
        for corpora in (
            [genuine, earlier],
            [genuine, earlier, taught],  # the same sentences once more
            [earlier, taught],  # the nearest to genuine that there is
        ):
            assert usual_weight(corpora, 400, 1.0) == pytest.approx(200 / 1400, rel=1e-2)
        assert usual_weight([earlier], 400, 1.0) == 1.0

    @pytest.mark.parametrize("temperature", [1.0, 5.0])
    @pytest.mark.parametrize("before", [[], [(50, 1.0)], [(400, 0.5)], [(400, 0.5), (10, 1.0)], [(300, 0.01)]])
    @pytest.mark.parametrize("pairs", [5, 150, 4000])
    def test_those_of_before_count_among_the_two_for_each_genuine_pair(self, before, pairs, temperature) -> None:
        ends = [100, *(100 + sum(count for count, _ in before[: n + 1]) for n in range(len(before)))]
        genuine = Rows("original", 0, 100, 1.0, "")
        earlier = [
            Rows(f"b{n}", first, first + count, weight, "<bt>", "backtranslate")
            for n, (first, (count, weight)) in enumerate(zip(ends, before, strict=False))
        ]
        weight = usual_weight([genuine, *earlier], pairs, temperature)
        corpora = make_room([genuine, *earlier], weight)
        drawn = epoch_counts([*map(len, corpora), pairs], [*(one.weight for one in corpora), weight], temperature)
        alone = epoch_counts(
            [100, *map(len, earlier), pairs], [1.0, *(one.weight for one in earlier), 1.0], temperature
        )
        assert sum(drawn[1:]) <= 2.02 * drawn[0] + 1
        assert corpora[0] == genuine
        if sum(alone[1:]) <= 1.99 * alone[0]:  # there is room
            assert (weight, corpora) == (1.0, [genuine, *earlier])
        assert weight >= max((one.weight for one in corpora[1:]), default=0.0)

    def test_a_low_temperature_is_beyond_no_float(self) -> None:
        genuine = [Rows("a", 0, 10_000, 1.0, "")]
        assert 0 < usual_weight(genuine, 100_000, 0.01) < 1e-90
        assert usual_weight(genuine, 5_000, 0.0001) == 1.0


class TestRecipeOf:
    """The settings that are taken over are those of a training from the start, and of the vocabulary that is there."""

    @pytest.fixture
    def mono(self, tmp_path) -> Path:
        file = tmp_path / "mono.eu"
        file.write_text("".join(f"{target} hau\n" for _, target in TRAIN[:40]), encoding="utf-8")
        return file

    def test_a_fine_tuned_run_is_none_to_train_a_new_network_as(self, tmp_path, prepared, mono) -> None:
        tuned, run = fine_tuned(prepared, tmp_path / "tuned"), RunFolder(tmp_path / "new")
        teacher = Told(shout)
        with pytest.raises(UserError, match="was fine-tuned") as distilled:
            distill(author(teacher), tuned, run, distill_module.Wish(), threads=1)
        with pytest.raises(UserError, match="was fine-tuned") as translated:
            backtranslate(author(teacher, ("eu", "en")), tuned, run, back_module.Wish((mono,)), threads=1)
        for error in (distilled, translated):
            assert str(tuned.path) in str(error.value)
            assert "--of" in error.value.hint
            assert "'first'" in error.value.hint
        # Not even where the model translates the wrong way: the answer to that would be to turn the run round.
        with pytest.raises(UserError, match="was fine-tuned"):
            backtranslate(author(teacher), tuned, run, back_module.Wish((mono,)), threads=1)
        assert (teacher.read, run.path.exists()) == ([], False)
        # The model that writes may come from a fine-tuning.
        writer = replace(author(teacher), bundle=Bundle(tuned.bundle, Recipe()))
        distill(writer, prepared, run, distill_module.Wish(), threads=1)
        assert teacher.read

    def test_minutes_take_the_place_of_updates_too(self, tmp_path, prepared) -> None:
        of = RunFolder(tmp_path / "of")
        shutil.copytree(prepared.path, of.path)
        counted = apply_overrides(load_recipe(of.recipe), ["training.max_updates=500", "training.max_epochs=3"])
        of.recipe.write_text(dump_recipe(counted), encoding="utf-8")

        def limits(minutes: float | None, *settings: str) -> tuple[float, int, float]:
            found = recipe_of(of, "new", (), minutes=minutes, settings=settings).training
            return found.minutes, found.max_updates, found.max_epochs

        assert limits(None) == (0, 500, 3)
        assert limits(7) == (7, 0, 0)
        assert limits(7, "training.max_updates=900") == (7, 900, 0)

    def test_the_vocabulary_is_there_already(self, tmp_path, prepared, mono) -> None:
        run, teacher = RunFolder(tmp_path / "new"), Told(shout)
        for key, value in {"vocabulary_size": "999", "tokenizer": "words", "case": "true"}.items():
            setting = f"text.{key}={value}"
            with pytest.raises(UserError, match=r"cannot change: .* vocabulary") as error:
                distill(author(teacher), prepared, run, distill_module.Wish(), settings=[setting], threads=1)
            assert str(error.value).startswith(f"text.{key} cannot")
            assert str(prepared.path) in str(error.value)
            assert f"--set text.{key}=…" in error.value.hint
            assert "--of" in error.value.hint
        with pytest.raises(UserError, match="cannot change"):
            backtranslate(
                author(teacher, ("eu", "en")),
                prepared,
                run,
                back_module.Wish((mono,)),
                settings=["text.joint=false", "model.tie=target"],
                threads=1,
            )
        assert (teacher.read, run.path.exists()) == ([], False)

    def test_how_it_is_used_may_change_and_what_it_is_may_be_said_again(self, prepared) -> None:
        settings = ["training.subword_sampling=0.2", "text.vocabulary_size=330", "text.tokenizer=sentencepiece"]
        found = recipe_of(prepared, "new", (), minutes=None, settings=settings)
        assert found.training.subword_sampling == 0.2
        assert found.text == load_recipe(prepared.recipe).text


class TestPaced:
    """A pass is as long as all pairs together: the old ones are read no more often than in the passes before."""

    @pytest.fixture
    def of(self, tmp_path, prepared) -> RunFolder:
        """As if it had 29,000 pairs of 11 tokens and EOS."""
        of = RunFolder(tmp_path / "of")
        shutil.copytree(prepared.path, of.path)
        manifest = of.read_manifest()
        splits = {**manifest.splits, "train": split_of(29_000, target_tokens=29_000 * 11)}
        corpora = (TrainingCorpus(name="text", pairs=29_000, weight=1.0),)
        changed(manifest, splits=splits, corpora=corpora).write(of.manifest)
        return of

    def paced(self, of: RunFolder, pairs: int, weight: float, *settings: str, keep: bool = True) -> Preset:
        corpora = corpora_of(of) if keep else []
        every = (*named(corpora), made_corpus("more", weight=weight))
        told = ["training.max_epochs=40", *settings]
        recipe = recipe_of(of, "new", every, minutes=None, settings=told)
        return paced(recipe, of, corpora, pairs, asked=asked(None, settings))

    @pytest.mark.parametrize(("temperature", "weight"), [(1.0, 0.058), (5.0, 0.985)])
    def test_a_million_more_pairs_are_no_35_times_the_training(self, of, temperature, weight) -> None:
        found = self.paced(of, 1_000_000, weight, f"data.temperature={temperature}")
        training = found.recipe.training
        drawn = epoch_counts([29_000, 1_000_000], [1.0, weight], temperature)
        assert training.max_epochs * drawn[0] == pytest.approx(40 * 29_000, rel=5e-3)
        # And a look each time that the old pairs are read, as before, and no longer after each pass.
        looks = training.max_epochs * sum(drawn) * 12 / training.batch_tokens / training.validate_every
        assert looks == pytest.approx(40, rel=1e-2)
        assert found.reasons == {
            "training.max_epochs": "A pass reads 1,000,000 synthetic pairs too, by their weight: so many passes read "
            "the others as often as in 40 passes before.",
            "training.validate_every": "About one look for each time that the others are read.",
        }

    @pytest.mark.parametrize(("weight", "passes"), [(1.0, 40), (0.5, 30), (3.0, 40)])
    def test_as_many_distilled_pairs(self, of, weight, passes) -> None:
        found = self.paced(of, 29_000, weight)
        assert found.recipe.training.max_epochs == passes
        assert bool(found.reasons) == (passes < 40)

    def test_looks_that_are_counted_in_updates_stay(self, of) -> None:
        found = self.paced(of, 1_000_000, 0.058, "training.validate_every=500")
        assert found.recipe.training.validate_every == 500
        assert found.reasons.keys() == {"training.max_epochs"}

    @pytest.mark.parametrize(
        "settings",
        [
            ("training.max_updates=500",),
            ("training.max_epochs=40",),
            ("training.max_epochs=0", "training.minutes=9"),
        ],
    )
    def test_what_says_itself_how_long_training_takes_stays(self, of, settings) -> None:
        found = self.paced(of, 1_000_000, 0.058, *settings)
        assert found.reasons == {}
        assert found.recipe.training.validate_every == 0
        assert found.recipe.training.max_epochs in (0, 40)

    def test_without_old_pairs_there_is_nothing_to_compare_with(self, of) -> None:
        found = self.paced(of, 1_000, 1.0, keep=False)
        assert (found.recipe.training.max_epochs, found.reasons) == (40, {})

    def test_minutes_beside_passes_stay(self, of) -> None:
        training = self.paced(of, 1_000_000, 0.058, "training.minutes=9").recipe.training
        assert training.minutes == 9
        assert training.max_epochs < 4


class TestTaggedCorpora:
    """A tag in a recipe of one's own, prepared like any other."""

    @pytest.fixture
    def folder(self, tmp_path) -> Path:
        for name, pairs in {"a": TRAIN[:20], "b": TRAIN[20:50], "c": TRAIN[50:], "dev": DEVELOPMENT}.items():
            write_pairs(tmp_path, pairs, name=name)
        return tmp_path

    def recipe(self, *tags: str) -> Recipe:
        names = [(f"{name}.en", f"{name}.eu") for name in "abc"]
        corpora = tuple(Corpus(train=train, tag=tag) for train, tag in zip(names, tags, strict=True))
        data = Data(target_language="eu", corpora=corpora, development=("dev.en", "dev.eu"))
        return Recipe(data=data, text=Text(vocabulary_size=330))

    def test_only_the_sources_of_their_corpora_begin_with_them(self, folder, monkeypatch) -> None:
        from seq2seq.data import store

        monkeypatch.setattr(store, "ROWS_A_CHUNK", 13)  # chunks begin in the middle of corpora, and hold several
        runs = [RunFolder(folder / name) for name in ("plain", "tagged")]
        prepare(self.recipe("", "", ""), runs[0], folder=folder, threads=1)
        prepare(self.recipe("<y>", "", "<x>"), runs[1], folder=folder, threads=1)
        tags = tags_of(TokenizerPair.load(runs[1].tokenizers).source)
        openings = [[tags["<y>"]]] * 20 + [[]] * 30 + [[tags["<x>"]]] * (len(TRAIN) - 50)
        for opening, plain, tagged in zip(openings, *(Store(run.split("train")).rows() for run in runs), strict=True):
            assert tagged.source_ids == opening + plain.source_ids
            assert tagged._replace(source_ids=[]) == plain._replace(source_ids=[])
        told = [one.tag for one in runs[1].read_manifest().corpora]
        assert told == ["<y>", "", "<x>"]
        for run, count in zip(runs, (0, len(TRAIN) - 30), strict=True):
            total = sum(map(len, (row.source_ids for row in Store(run.split("train")).rows())))
            assert run.read_manifest().splits["train"].source_tokens == total
            assert total - count == sum(len(row.source_ids) for row in Store(runs[0].split("train")).rows())

    def test_a_trained_network_has_no_row_for_a_new_tag(self, folder, prepared) -> None:
        old = TokenizerPair.load(prepared.tokenizers)
        basis = Basis(
            old,
            inputs=StartInputs(weights="0" * 32, old_share=0.0, old={}),
            facts=start_of("first"),
            sets={},
            added=lambda gathered: gathered,
            save=lambda _: None,
        )
        run = RunFolder(folder / "run")
        with pytest.raises(UserError, match="starts from knows no tag <x>"):
            prepare(self.recipe("", "<x>", ""), run, folder=folder, threads=1, basis=basis)
        assert not run.path.exists()  # it is refused before any text is read

    def test_what_was_prepared_before_there_were_tags_is_what_it_was(self) -> None:
        recipe = self.recipe("", "", "")
        table = table_from_recipe(recipe)
        for corpus in table["data"]["corpora"]:
            del corpus["tag"]
        old = hashlib.blake2b(
            json.dumps([table["data"], table["text"]], sort_keys=True).encode(), digest_size=16
        ).hexdigest()
        assert data_digest(recipe) == old != data_digest(self.recipe("", "<x>", ""))


class TestNewRun:
    def test_nothing_is_overwritten(self, tmp_path, prepared) -> None:
        with pytest.raises(UserError, match="cannot be made of itself"):
            new_run(prepared.path / ".", prepared, "x", by="distill")
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "recipe.toml").write_text("mine")
        with pytest.raises(UserError, match=r"'recipe.toml' would be overwritten"):
            new_run(tmp_path / "a", prepared, "x", by="distill")
        made_manifest().write(tmp_path / "a" / "manifest.json")
        with pytest.raises(UserError, match="run of another kind"):
            new_run(tmp_path / "a", prepared, "x", by="distill")
        (tmp_path / "a" / "checkpoints").mkdir()
        with pytest.raises(UserError, match="holds a training") as error:
            new_run(tmp_path / "a", prepared, "x", by="distill")
        assert "--resume" in error.value.hint
        (tmp_path / "file").write_text("mine")
        with pytest.raises(UserError, match="is no folder"):
            new_run(tmp_path / "file", prepared, "x", by="distill")

    @pytest.mark.parametrize("is_run", [False, True])
    def test_texts_of_the_users_own_stay(self, tmp_path, prepared, is_run) -> None:
        own = tmp_path / "a" / "text"
        own.mkdir(parents=True)
        if is_run:
            made_manifest().write(tmp_path / "a" / "manifest.json")
        else:
            assert new_run(tmp_path / "a", prepared, "x", by="distill").path == tmp_path / "a"  # empty
        (own / "test.source").write_text("mine")
        with pytest.raises(UserError, match="run of another kind" if is_run else "'text' .*overwritten") as error:
            new_run(tmp_path / "a", prepared, "x", by="distill")
        assert "--run" in error.value.hint

    def test_a_file_where_the_texts_belong_stays(self, tmp_path, prepared) -> None:
        (tmp_path / "text").write_text("mine")
        with pytest.raises(UserError, match=r"'text' .*overwritten"):
            new_run(tmp_path, prepared, "x", by="distill")

    def test_a_run_of_one_command_is_none_of_the_other(self, tmp_path, prepared) -> None:
        whole, cut = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "cut")
        distill(author(Told(shout)), prepared, whole, distill_module.Wish(), threads=1)
        with pytest.raises(KeyboardInterrupt):
            distill(author(Told(shout, stop_after=45)), prepared, cut, distill_module.Wish(), threads=1)
        for run in (whole, cut):
            assert new_run(run.path, prepared, "x", by="distill") == run
            with pytest.raises(UserError, match="was made by distill, not by backtranslate") as error:
                new_run(run.path, prepared, "x", by="backtranslate")
            assert "--run" in error.value.hint
        # Nor where the run was made before texts were marked.
        for path in texts(whole).iterdir():
            path.unlink()
        assert new_run(whole.path, prepared, "x", by="distill") == whole
        with pytest.raises(UserError, match="was made by distill"):
            new_run(whole.path, prepared, "x", by="backtranslate")

    def test_its_hints_can_be_pasted(self, tmp_path, prepared) -> None:
        folder = tmp_path / "my runs"
        (folder / "checkpoints").mkdir(parents=True)
        made_manifest().write(folder / "manifest.json")
        with pytest.raises(UserError) as error:
            new_run(folder, prepared, "x", by="distill")
        assert f"seq2seq train '{folder}' --resume" in error.value.hint

    def test_its_name_says_what_it_is(self, prepared, monkeypatch) -> None:
        assert new_run(None, prepared, "distilled", by="distill").path == Path("runs/run-distilled")
        monkeypatch.chdir(prepared.path)
        here = new_run(None, RunFolder(Path()), "distilled", by="distill")
        assert here.path == Path("runs/run-distilled")

    def test_a_bundle_alone_has_no_pairs(self, tmp_path, prepared) -> None:
        alone = Bundle(tmp_path / "bundle", Recipe())
        with pytest.raises(UserError, match="without its run") as error:
            run_with_pairs(alone, None)
        assert "--of RUN" in error.value.hint
        assert run_with_pairs(alone, prepared.path) == prepared
        assert run_with_pairs(Bundle(prepared.path / "bundle", Recipe()), None) == prepared


def test_sieve_reasons() -> None:
    reasons = [
        next((rule.reason for rule in Sieve().filters() if rule.rejects(Pair(1, *sides))), "")
        for sides in [
            ("a b c", "d e f"),
            ("Anna Berg is here", "Anna Berg da hau ta"),
            ("12:30", "12:30"),
            ("Anna!", "anna"),
        ]
    ]
    assert reasons == ["", "", "", "copied"]
