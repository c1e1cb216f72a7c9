"""What fine-tuning chooses by itself: by the size of the new text, and by what of the old is at hand."""

from __future__ import annotations

import dataclasses
import math
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from made_facts import made_facts
from made_manifests import made_manifest, split_of
from msgspec.structs import replace as changed
from tiny_bundles import make_bundle
from toy_runs import toy_pairs, write_pairs

from seq2seq.bundle import Bundle, RunFolder, open_bundle
from seq2seq.bundle_facts import LearnedText
from seq2seq.corpus.cleaning import Report
from seq2seq.corpus.held import Held
from seq2seq.corpus.pair import Pair
from seq2seq.data.batches import Batches
from seq2seq.data.store import Row, Store, write_split
from seq2seq.errors import UserError
from seq2seq.folders import write_text
from seq2seq.manifest import TrainingCorpus
from seq2seq.pipeline.finetune.basis import basis
from seq2seq.pipeline.finetune.model import check_place, model_name
from seq2seq.pipeline.finetune.new_text import described, measure_new
from seq2seq.pipeline.finetune.old_text import OldText, check_tags, old_text
from seq2seq.pipeline.finetune.settings import check_settings, choose
from seq2seq.pipeline.finetune.training_settings import HOLD, passes_of
from seq2seq.pipeline.models.card import data_facts
from seq2seq.pipeline.prepare.cleaning import already_cleaned, told
from seq2seq.pipeline.prepare.gather import Gathered, Kept
from seq2seq.pipeline.prepare.prepare import prepare
from seq2seq.pipeline.prepare.spool import Spool
from seq2seq.recipe.decode import complete
from seq2seq.recipe.overrides import apply_overrides
from seq2seq.recipe.schema import Choice, Data, Recipe
from seq2seq.recipe.toml import dump_recipe, load_recipe
from seq2seq.text.pairs import TokenizerPair
from seq2seq.training.counters import Counters
from seq2seq.training.epochs import Epochs
from seq2seq.training.group import Alone
from seq2seq.training.stop import Stop


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    settings = ["data.target_language=eu", "data.quotes=straight", "training.learning_rate=0.004"]
    return make_bundle(tmp_path_factory.mktemp("tiny") / "bundle", *settings)


@pytest.fixture(scope="module")
def tokenizers(bundle):
    return TokenizerPair.load(bundle.tokenizers)


def chosen(
    bundle,
    tokenizers,
    folder,
    count: int,
    *settings: str,
    old_share: float = 0.5,
    minutes=None,
    old_sets: bool = True,
    old_tokens: float | None = None,
):
    pairs = (toy_pairs(400) * (count // 400 + 1))[:count]
    files = write_pairs(folder, pairs, name="new")
    data = described(bundle, reader="aligned", files=files)
    preset, measured = choose(
        bundle,
        data,
        None,
        tokenizers,
        name="new",
        old_share=old_share,
        old_sets=old_sets,
        old_tokens=old_tokens,
        minutes=minutes,
        settings=settings,
    )
    assert measured.num_pairs == count
    return preset, measured


def test_more_text_gets_a_higher_rate_and_fewer_passes(bundle, tokenizers, tmp_path):
    rates, passes = [], []
    for count in (400, 2000, 12_000):
        preset, measured = chosen(bundle, tokenizers, tmp_path / str(count), count)
        training = preset.recipe.training
        rates.append(training.learning_rate)
        # Half of each batch is new.
        new_tokens = training.max_updates * training.batch_tokens / 2
        passes.append(new_tokens / (count * measured.target_tokens))
        assert training.validate_every == -(-training.max_updates // 10)
        assert training.schedule.warmup_updates == min(200, training.max_updates // 10)
    assert rates == [0.0002, 0.0004, 0.0008]
    assert passes == pytest.approx([20, 10, 6], rel=0.02)


@pytest.mark.parametrize("minutes", [None, 5.0])
def test_every_changed_setting_has_a_reason(bundle, tokenizers, tmp_path, minutes):
    had = ["training.guided_attention=1", "training.risk.epochs=1", "training.minutes=40", "training.max_epochs=9"]
    bundle = dataclasses.replace(bundle, recipe=apply_overrides(bundle.recipe, had))
    preset, _ = chosen(bundle, tokenizers, tmp_path, 400, old_share=0.0, minutes=minutes)
    training, old = preset.recipe.training, bundle.recipe.training
    changed = {key for key in training.__struct_fields__ if getattr(training, key) != getattr(old, key)}
    told = {trail.removeprefix("training.") for trail in preset.reasons}
    assert changed - {"schedule", "risk"} <= told
    assert {"schedule.shape", "risk.epochs"} <= told
    path = tmp_path / "recipe.toml"
    path.write_text(dump_recipe(preset.recipe, preset.reasons), "utf-8")
    assert load_recipe(path) == complete(preset.recipe)
    assert {"guided_attention", "risk", "minutes", "max_epochs"} <= changed
    assert (training.guided_attention, training.risk.epochs, training.max_epochs) == (0, 0, 0)
    assert training.minutes == (minutes or 0)


def test_without_old_pairs_the_weights_are_held(bundle, tokenizers, tmp_path):
    alone, _ = chosen(bundle, tokenizers, tmp_path / "alone", 400, old_share=0.0)
    mixed, _ = chosen(bundle, tokenizers, tmp_path / "mixed", 400, old_share=0.5)
    assert (alone.recipe.training.hold, alone.recipe.training.weight_decay) == (HOLD, 0.0)
    assert mixed.recipe.training.hold == 0
    assert mixed.recipe.training.weight_decay == bundle.recipe.training.weight_decay
    # As many passes over the new text, in twice the updates.
    tokens = [one.recipe.training.max_updates * one.recipe.training.batch_tokens for one in (alone, mixed)]
    assert tokens[1] == pytest.approx(2 * tokens[0], rel=0.02)


def test_what_follows_from_updates_follows_from_those_asked_for(bundle, tokenizers, tmp_path):
    asked = ["training.max_updates=40"]
    preset, _ = chosen(bundle, tokenizers, tmp_path, 400, *asked)
    training = apply_overrides(preset.recipe, asked).training
    assert (training.validate_every, training.schedule.warmup_updates) == (4, 4)
    doubled, _ = chosen(bundle, tokenizers, tmp_path, 400, "training.accumulate=2")
    assert doubled.recipe.training.max_updates == pytest.approx(preset.recipe.training.max_updates / 2, abs=1)


@pytest.mark.parametrize(
    ("updates", "old_sets", "told"),
    [
        (12, True, "6 looks at both development sets."),  # every second update
        (12, False, "6 looks at the development set."),
        (40, True, "10 looks at both development sets."),
        (1, False, "1 look at the development set."),
    ],
)
def test_looks_are_counted_as_they_come(bundle, tokenizers, tmp_path, updates, old_sets, told):
    asked = f"training.max_updates={updates}"
    preset, _ = chosen(bundle, tokenizers, tmp_path, 400, asked, old_sets=old_sets)
    assert preset.reasons["training.validate_every"] == told
    training = apply_overrides(preset.recipe, [asked]).training
    assert -(-training.max_updates // training.validate_every) == int(told.split()[0])


def test_a_model_is_called_as_its_folder_is(bundle, tmp_path, monkeypatch):
    run = RunFolder(tmp_path / "one")
    shutil.copytree(bundle.path, run.bundle)
    assert model_name(open_bundle(run.bundle)) == bundle.recipe.name != "one"  # a bundle's folder, and no run
    write_text(run.manifest, "{}")
    assert model_name(open_bundle(run.bundle)) == "one"
    monkeypatch.chdir(run.path)
    assert model_name(open_bundle(Path("bundle"))) == "one"
    shutil.copytree(bundle.path, tmp_path / "alone")
    assert model_name(open_bundle(tmp_path / "alone")) == "alone"


def test_text_is_read_as_the_models_own_was(bundle, tokenizers, tmp_path):
    preset, _ = chosen(bundle, tokenizers, tmp_path, 400)
    data = preset.recipe.data
    assert (data.source_language, data.target_language, data.quotes) == ("en", "eu", "straight")
    assert (data.development_size, data.test_size) == (20, 20)
    own, _ = chosen(bundle, tokenizers, tmp_path, 400, "data.test_size=3")
    assert (own.recipe.data.development_size, own.recipe.data.test_size) == (20, 3)


def test_new_text_for_a_student_is_cleaned_as_its_teachers_text_was(bundle, tmp_path):
    """The student's own text was clean, so its recipe says that nothing is to be done."""
    clean = already_cleaned(bundle.recipe.data)
    original = Data(filters=(Choice("empty"), Choice("length", {"maximum": 30})))
    written = (TrainingCorpus(name="distilled", pairs=3, weight=1.0, by="distill"),)
    for learned, filters in (
        (LearnedText(corpora=written, cleaning=told(original)), original.filters),
        (LearnedText(corpora=written), Data().filters),  # of a run that did not write it down
    ):
        student = Bundle(bundle.path, changed(bundle.recipe, data=clean), made_facts(data=learned))
        data = described(student, reader="tsv", files=[tmp_path / "any.tsv"])
        assert complete(Recipe(data=data)).data.filters == complete(Recipe(data=Data(filters=filters))).data.filters
        assert data.deduplicate
    # Where nobody wrote anything but people, it is a person's own setting.
    own = described(Bundle(bundle.path, changed(bundle.recipe, data=clean)), reader="tsv", files=[tmp_path / "a.tsv"])
    assert (own.filters, own.deduplicate) == (clean.filters, False)


def test_a_model_of_a_reversed_run_keeps_its_direction(tmp_path):
    reversed_one = make_bundle(tmp_path / "bundle", "data.target_language=eu", "data.reverse=true")
    data = described(reversed_one, reader="tsv", files=[tmp_path / "any.tsv"])
    assert (data.source_language, data.target_language, data.reverse) == ("eu", "en", False)
    with pytest.raises(UserError, match="the other way round"):
        described(reversed_one, reader="aligned", files=[tmp_path / "a.en", tmp_path / "a.eu"])


def test_too_little_text_is_refused(bundle, tokenizers, tmp_path):
    with pytest.raises(UserError, match="has 2 usable pair"):
        chosen(bundle, tokenizers, tmp_path, 2)


def test_counts_are_of_tokens_and_words(tokenizers):
    pairs = [Pair(1, "the dog", "lo hund ."), Pair(2, " ", "lo"), Pair(3, "a cat sees", "un katz ikus")]
    found = measure_new(iter(pairs), tokenizers)
    lengths = [
        [len(side.encode(text)) for text in texts]
        for side, texts in (
            (tokenizers.source, ("the dog", "a cat sees")),
            (tokenizers.target, ("lo hund .", "un katz ikus")),
        )
    ]
    assert found.num_pairs == 2
    assert found.target_tokens == sum(lengths[1]) / 2 + 1
    assert found.source_tokens_a_word == sum(lengths[0]) / 5
    assert found.unknown == 0


def test_settings_that_shape_the_network_are_the_models(bundle):
    check_settings(bundle, apply_overrides(bundle.recipe, ["model.dropout=0.5", "model.word_dropout=0.2"]))
    for assignment in ("model.decoder_layers=3", "model.cell=gru", "text.joint=false"):
        changed = [assignment, *(["model.tie=target"] if "joint" in assignment else [])]
        with pytest.raises(UserError, match="cannot change"):
            check_settings(bundle, apply_overrides(bundle.recipe, changed))


def test_how_much_is_old_is_not_a_matter_of_temperature(bundle):
    with pytest.raises(UserError, match=r"data\.temperature"):
        check_settings(bundle, apply_overrides(bundle.recipe, ["data.temperature=2"]))


def test_a_bundle_that_lies_in_no_run_has_no_old_text(bundle, tmp_path):
    assert old_text(bundle, None) is None
    with pytest.raises(UserError, match="There is no run"):
        old_text(bundle, tmp_path / "nowhere")


def test_the_new_run_is_none_of_the_models_folders(bundle):
    for place in (bundle.path, bundle.path / "inside", bundle.path.parent):
        with pytest.raises(UserError, match="nothing of it is overwritten"):
            check_place(RunFolder(place), bundle, None)
    check_place(RunFolder(bundle.path.parent / "new"), bundle, None)


def prepared(folder, corpora, *, temperature=1.0):
    """A run of which only the training pairs and what is said of them are there."""
    run = RunFolder(folder)
    rows = [
        Row(n, f"old {name} {n}", f"alt {name} {n}", [5], [5]) for name, count, _, _ in corpora for n in range(count)
    ]
    write_split(run.split("train"), rows)
    write_text(run.recipe, dump_recipe(apply_overrides(complete(Recipe()), [f"data.temperature={temperature}"])))
    named = tuple(
        TrainingCorpus(name=name, pairs=count, weight=weight, tag=tag) for name, count, weight, tag in corpora
    )
    return OldText(run, made_manifest(corpora=named, splits={"train": split_of(len(rows))}))


def test_several_old_corpora_share_the_old_part_as_they_did(bundle, tokenizers, tmp_path):
    old = prepared(tmp_path / "old", [("a", 60, 1.0, ""), ("b", 15, 4.0, "<bt>")], temperature=2.0)
    spool, held = Spool(tmp_path / "spool"), Held()
    spool.write("corpus-0", [Pair(n, f"new {n}", f"neu {n}") for n in range(30)])
    held.add([Pair(1, "Old A 7.", "kept out")])
    gathered = Gathered(spool, {"train": Report(kept=30)}, (Kept("new", 1.0, "corpus-0", 30),), held)
    added = basis(bundle, tokenizers, old, old_share=0.25, command="").added(gathered)
    assert [(one.name, one.pairs, one.tag) for one in added.corpora] == [
        ("new", 30, ""),
        ("old-a", 59, ""),
        ("old-b", 15, "<bt>"),
    ]
    pairs, weights = [one.pairs for one in added.corpora], [one.weight for one in added.corpora]
    drawn = [count * weight for count, weight in zip(pairs, weights, strict=True)]
    assert (drawn[1] + drawn[2]) / sum(drawn) == pytest.approx(0.25)
    before = [60**0.5 * 59 / 60, 4 * 15**0.5]  # w n^(1/T), a pair of the first having gone
    assert drawn[1] / drawn[2] == pytest.approx(before[0] / before[1])
    assert added.sizes()["train"] == 30 + 59 + 15
    assert "old a 7" not in {pair.source for pair in added.pairs("train")}


class Lengths(Store):
    """What a plan is made from: the lengths of the pairs, as a store gives them."""

    def __init__(self, lengths):
        self.source = self.target = SimpleNamespace(lengths=np.asarray(lengths, np.int32))

    def __len__(self):
        return len(self.source.lengths)


def times_read(added, lengths, training) -> np.ndarray:
    """How often a training reads each of the pairs that it is to learn from."""
    corpora = [(one.pairs, one.weight) for one in added.corpora]
    batches = Batches(
        Lengths(lengths),
        batch_tokens=training.batch_tokens,
        seed=training.seed,
        corpora=corpora,
        epoch_pairs=added.epoch_pairs,
    )
    epochs, counters = Epochs(batches, accumulate=training.accumulate, group=Alone(), stop=Stop()), Counters()
    epochs.start(counters)
    rows = [rows for _ in range(training.max_updates) for rows in epochs.next(counters)]
    return np.bincount(np.concatenate(rows), minlength=len(lengths))


def mixed(folder, bundle, tokenizers, old, *, count: int, share: float, **named):
    """New pairs that numbers tell apart, with those of an old run among them."""
    spool = Spool(folder / "spool")
    spool.write("corpus-0", [Pair(n, f"new {n}", f"neu {n}") for n in range(count)])
    gathered = Gathered(spool, {"train": Report(kept=count)}, (Kept("new", 1.0, "corpus-0", count),), Held())
    return basis(bundle, tokenizers, old, old_share=share, command="", **named).added(gathered)


@pytest.mark.parametrize(("count", "share"), [(400, 0.5), (2000, 0.5), (2000, 0.2), (2000, 0.9)])
def test_every_new_pair_is_read_in_every_pass_however_large_the_old_run(bundle, tokenizers, tmp_path, count, share):
    preset, measured = chosen(bundle, tokenizers, tmp_path, count, old_share=share)
    training, old = preset.recipe.training, prepared(tmp_path / "old", [("a", 30_000, 1.0, "")])
    passes = passes_of(training, measured, old_share=share)
    added = mixed(tmp_path, bundle, tokenizers, old, count=count, share=share, passes=passes)
    mean = measured.target_tokens - 1
    lengths = np.random.default_rng(3).integers(1, round(2 * mean), sum(one.pairs for one in added.corpora))
    times = times_read(added, lengths, training)
    assert passes == pytest.approx({400: 20, 2000: 10}[count], rel=0.02)
    assert times[:count].min() >= passes - 2
    assert times[:count].max() <= passes + 2
    assert times[count:].sum() / times.sum() == pytest.approx(share, abs=0.02)


def test_of_a_large_run_as_many_pairs_are_taken_as_training_reads(bundle, tokenizers, tmp_path, capsys):
    old = prepared(tmp_path / "old", [("a", 12_000, 1.0, ""), ("b", 3000, 4.0, "<bt>"), ("c", 50, 1.0, "")])
    added = mixed(tmp_path / "one", bundle, tokenizers, old, count=150, share=0.25, passes=10)
    read = 10 * 150 * 0.25 / 0.75
    parts = np.array([12_000, 4 * 3000, 50])  # as they were drawn from: by weight and size
    wanted = [math.ceil(1.2 * read * part / parts.sum()) for part in parts]
    _, *corpora = added.corpora
    assert [one.pairs for one in corpora] == wanted
    drawn = np.array([one.pairs * one.weight for one in corpora])
    assert drawn.sum() / (drawn.sum() + 150) == pytest.approx(0.25)
    assert drawn / drawn.sum() == pytest.approx(parts / parts.sum())
    assert added.sizes()["train"] == 150 + sum(wanted)
    assert f"Of 15,050 old pairs {sum(wanted)} are taken" in capsys.readouterr().err
    # From everywhere, in order, and the same again.
    lines = [pair.line for pair in added.pairs("train")][150 : 150 + wanted[0]]
    assert lines == sorted(set(lines))
    assert min(np.histogram(lines, bins=4, range=(0, 12_000))[0]) > wanted[0] / 8
    again = mixed(tmp_path / "two", bundle, tokenizers, old, count=150, share=0.25, passes=10)
    assert list(again.pairs("train")) == list(added.pairs("train"))


def test_of_a_small_run_all_pairs_are_taken(bundle, tokenizers, tmp_path, capsys):
    old = prepared(tmp_path / "old", [("a", 60, 1.0, ""), ("b", 15, 1.0, "")])
    added = mixed(tmp_path, bundle, tokenizers, old, count=30, share=0.5, passes=3)
    assert [one.pairs for one in added.corpora] == [30, 60, 15]
    assert capsys.readouterr().err == ""


def test_held_out_pairs_are_counted_whether_they_were_drawn_or_not(bundle, tokenizers, tmp_path, capsys):
    old, spool, held = prepared(tmp_path / "old", [("a", 9000, 1.0, "")]), Spool(tmp_path / "spool"), Held()
    held.add([Pair(n, f"old a {n}", "kept out") for n in range(0, 9000, 9)])
    spool.write("corpus-0", [Pair(1, "new", "neu")])
    gathered = Gathered(spool, {"train": Report(kept=1)}, (Kept("new", 1.0, "corpus-0", 1),), held)
    added = basis(bundle, tokenizers, old, old_share=0.5, command="", passes=500).added(gathered)
    told = capsys.readouterr().err
    assert "1,000 of the old pairs are left out" in told
    (taken,) = [one.pairs for one in added.corpora[1:]]
    assert f"Of 8,000 old pairs {taken} are taken" in told
    assert 450 < taken < 600  # of 600
    assert taken * added.corpora[1].weight == pytest.approx(1)
    assert not any(pair.line % 9 == 0 for pair in added.pairs("train") if pair.source != "new")


@pytest.mark.parametrize("times", [0.5, 8.0])
def test_passes_are_as_many_whatever_the_length_of_old_sentences(bundle, tokenizers, tmp_path, times):
    alike, measured = chosen(bundle, tokenizers, tmp_path, 2000, old_share=0.8)
    old_tokens = times * measured.target_tokens
    preset, _ = chosen(bundle, tokenizers, tmp_path, 2000, old_share=0.8, old_tokens=old_tokens)
    training = preset.recipe.training
    assert training.batch_tokens == alike.recipe.training.batch_tokens
    read = training.max_updates * training.batch_tokens
    a_pair = 0.2 * measured.target_tokens + 0.8 * old_tokens
    assert 0.2 * read / a_pair == pytest.approx(10 * 2000, rel=0.02)
    found = passes_of(training, measured, old_share=0.8, old_tokens=old_tokens)
    assert found == pytest.approx(10, rel=0.02)


def test_the_length_of_old_sentences_is_known_from_their_run(tmp_path):
    old = prepared(tmp_path, [("a", 6, 1.0, "")])
    for pairs, target_tokens, length in ((6, 33, 6.5), (0, 0, None)):
        splits = {"train": split_of(pairs, target_tokens=target_tokens)}
        told = dataclasses.replace(old, manifest=changed(old.manifest, splits=splits))
        assert told.target_tokens == length


def test_an_older_run_has_one_corpus_that_has_no_name(tmp_path):
    old = prepared(tmp_path, [("a", 6, 1.0, "")])
    unnamed = dataclasses.replace(old, manifest=changed(old.manifest, corpora=()))
    assert unnamed.corpora == (TrainingCorpus(name="text", pairs=6, weight=1.0),)


def test_how_often_the_new_text_is_read_follows_from_the_updates(bundle, tokenizers, tmp_path):
    preset, measured = chosen(bundle, tokenizers, tmp_path, 2000)
    training = preset.recipe.training
    assert passes_of(training, measured, old_share=0.5) == pytest.approx(10, rel=0.02)
    longer = changed(training, max_updates=training.max_updates * 3)
    assert passes_of(longer, measured, old_share=0.5) == pytest.approx(30, rel=0.02)
    for max_updates in (0, 1):  # no limit, or one that may be lifted later
        assert passes_of(changed(training, max_updates=max_updates), measured, old_share=0.5) == 10


def test_it_is_still_known_which_old_pairs_a_model_wrote(bundle, tokenizers, tmp_path):
    old = prepared(tmp_path / "old", [("a", 6, 1.0, ""), ("b", 4, 1.0, "")])
    first, second = old.manifest.corpora
    manifest = changed(old.manifest, corpora=(first, changed(second, by="distill")))
    old = dataclasses.replace(old, manifest=manifest)
    data = described(bundle, reader="aligned", files=write_pairs(tmp_path, toy_pairs(20), name="new"))
    recipe = changed(bundle.recipe, data=changed(data, development_size=2))
    run = RunFolder(tmp_path / "run")
    made = prepare(recipe, run, threads=1, basis=basis(bundle, tokenizers, old, old_share=0.5, command="")).manifest
    assert [(one.name, one.by) for one in made.corpora] == [
        ("new.en", ""),
        ("old-a", ""),
        ("old-b", "distill"),
    ]
    assert [one.by for one in data_facts(made).corpora] == ["", "", "distill"]  # as the card says it


def test_old_pairs_of_which_none_is_left_are_told_of(bundle, tokenizers, tmp_path):
    old, held = prepared(tmp_path / "old", [("a", 1, 1.0, "")]), Held()
    held.add([Pair(1, "old a 0", "x")])
    spool = Spool(tmp_path / "spool")
    spool.write("corpus-0", [Pair(1, "new", "neu")])
    gathered = Gathered(spool, {"train": Report(kept=1)}, (Kept("new", 1.0, "corpus-0", 1),), held)
    with pytest.raises(UserError, match="No training pair of"):
        basis(bundle, tokenizers, old, old_share=0.5, command="").added(gathered)


def test_old_pairs_have_no_tag_that_the_model_has_no_row_for(tokenizers, tmp_path):
    old = prepared(tmp_path / "old", [("a", 3, 1.0, ""), ("b", 2, 1.0, "<bt>"), ("c", 0, 1.0, "<none>")])
    with pytest.raises(UserError, match="knows no tag <bt>") as error:
        check_tags(tokenizers, old)
    assert f"in the pairs of {tmp_path / 'old'} the sources of 'b' begin with it" in str(error.value)
    assert "--old-share 0" in error.value.hint
    check_tags(tokenizers.with_tags(["<bt>"]), old)
    check_tags(tokenizers, prepared(tmp_path / "plain", [("a", 3, 1.0, "")]))
