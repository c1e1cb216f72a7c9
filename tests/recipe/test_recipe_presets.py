"""Settings by corpus size, and what languages decide."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.errors import UserError
from seq2seq.recipe.decode import field_type, is_section
from seq2seq.recipe.effort import MOST, effort, steady
from seq2seq.recipe.languages import guess_languages, is_known, is_segmented, metric_tokenizer, script, script_of
from seq2seq.recipe.presets import Preset, choose
from seq2seq.recipe.rules.check import check_rules


def preset(num_pairs: int, source: str = "en", target: str = "de", words: float = 12.0, **more: Any) -> Preset:
    return choose(num_pairs, average_words=words, source_language=source, target_language=target, **more)


@settings(max_examples=60, deadline=None)
@given(
    num_pairs=st.integers(3, 5_000_000),
    words=st.floats(0.5, 60),
    target=st.sampled_from(["de", "zh", "ru", "ja", "source"]),
    minutes=st.none() | st.floats(0.5, 600),
)
def test_any_corpus_gets_a_sound_recipe_with_a_sentence_for_every_value(num_pairs, words, target, minutes):
    found = preset(num_pairs, "en", target, words, minutes=minutes)
    check_rules(found.recipe, where="preset")
    for trail, reason in found.reasons.items():
        assert field_type(trail) is not None and not is_section(trail)
        assert reason[0].isupper() and reason.endswith(".")
    data = found.recipe.data
    assert data.development_size == data.test_size >= 1
    assert 2 * data.test_size < num_pairs
    assert found.recipe.training.minutes == (minutes or 0)


@pytest.mark.parametrize(
    ("num_pairs", "vocabulary_size", "dropout", "word_dropout", "batch_tokens"),
    [
        (2_999, 1000, 0.4, 0.1, 800),
        (3_000, 2000, 0.3, 0.1, 800),
        (29_000, 4000, 0.4, 0.1, 1200),
        (80_000, 8000, 0.3, 0.0, 2000),
        (200_000, 8000, 0.2, 0.0, 2500),
        (1_000_000, 16000, 0.1, 0.0, 4000),
    ],
)
def test_sizes_by_corpus(num_pairs, vocabulary_size, dropout, word_dropout, batch_tokens):
    recipe = preset(num_pairs).recipe
    assert recipe.text.vocabulary_size == vocabulary_size
    assert (recipe.model.dropout, recipe.model.word_dropout) == (dropout, word_dropout)
    assert recipe.training.batch_tokens == batch_tokens
    assert (recipe.training.guided_attention, recipe.model.lexical) == (1.0, True)


@pytest.mark.parametrize(
    ("num_pairs", "minutes", "amount"),
    [
        (5_000, None, "much"),
        (29_000, None, "much"),
        (29_000, 5, "little"),
        (29_000, 20, "little"),
        (10**6, None, "little"),
    ],
)
def test_the_reason_for_dropout_says_whether_it_is_much(num_pairs, minutes, amount):
    found = preset(num_pairs, minutes=minutes, speed=lambda _, tokens: 4290.0)
    assert f" {amount}, " in found.reasons["model.dropout"]


def test_29000_pairs_get_what_worked_on_them():
    recipe = preset(29_000).recipe
    model, training = recipe.model, recipe.training
    assert (model.embedding_size, model.encoder_layers, model.encoder_size) == (256, 1, 512)
    assert (model.decoder_layers, model.decoder_size, model.attention.settings) == (2, 512, {"heads": 4})
    assert (model.word_dropout, model.recurrent_weight_dropout) == (0.1, 0.2)
    assert (training.learning_rate, training.schedule.shape.name, training.max_epochs) == (4e-3, "linear", 40)
    assert training.average == pytest.approx(0.9985, abs=5e-4)
    assert training.schedule.warmup_updates == 300


@pytest.mark.parametrize(
    ("asked", "warmup"),
    [
        ({"max_updates": 60}, 6),
        ({"max_updates": 5}, 0),
        ({"max_updates": 2999}, 299),
        ({"max_updates": 10**6}, 300),  # cut, and never made longer
        ({"max_epochs": 0.5}, 18),  # a pass is 27,000 * (12 * 1.3 + 1) / 1,200 = 373.5 updates
        ({"max_epochs": 0.5, "max_updates": 100}, 10),
        ({"max_epochs": 100, "max_updates": 100}, 10),
    ],
)
def test_a_training_that_is_asked_to_be_shorter_warms_up_less(asked, warmup):
    found, usual = preset(29_000, **asked), preset(29_000)
    assert found.recipe.training.schedule.warmup_updates == warmup
    trail = "training.schedule.warmup_updates"
    assert ("A tenth of the updates that you allow" in found.reasons[trail]) == (warmup < 300)
    assert {**found.reasons, trail: ""} == {**usual.reasons, trail: ""}


@pytest.mark.parametrize(
    ("asked", "updates"),
    [
        ({}, 2_820),  # 30 passes over 4,500 * (12 * 1.3 + 1) = 74,700 tokens, 800 at a time
        ({"batch_tokens": 8000}, 300),
        ({"accumulate": 16}, 180),
        ({"batch_tokens": 400, "accumulate": 20}, 300),
        ({"batch_tokens": 10**6}, 30),
        ({"batch_tokens": 8000, "max_epochs": 3}, 30),
        ({"batch_tokens": 8000, "max_updates": 50}, 50),
    ],
)
def test_larger_batches_are_fewer_updates_to_warm_up_in(asked, updates):
    found, usual = preset(5_000, **asked).recipe.training, preset(5_000).recipe.training
    assert found.schedule.warmup_updates == min(300, updates // 10)
    assert (found.batch_tokens, found.accumulate, found.max_epochs) == (usual.batch_tokens, 1, usual.max_epochs)
    if (
        "max_updates" not in asked and "max_epochs" not in asked
    ):  # the last sixteenth is averaged, at most 1,000 updates
        assert found.average == pytest.approx(min(0.999, max(0.9, 1 - 16 / updates)), abs=2e-3)


@pytest.mark.parametrize(
    ("minutes", "width", "rate", "dropout", "average", "weights"),
    [
        (5, 256, 6e-3, 0.2, 0.9965, 0.0),
        (10, 256, 5e-3, 0.3, 0.996, 0.0),
        (20, 512, 5e-3, 0.3, 0.996, 0.0),
        (40, 512, 4e-3, 0.4, 0.998, 0.0),
        (80, 512, 4e-3, 0.4, 0.999, 0.2),
    ],
)
def test_a_time_budget_is_used_as_well_as_it_can_be(minutes, width, rate, dropout, average, weights):
    # At 4,290 tokens/s, 29,000 captions are read 9, 18 and 37 times in the last three, and a network of half the width
    # reads them 4 and 10 times in the first two: what was tried out at about these lengths.
    recipe = preset(29_000, minutes=minutes, speed=lambda r, tokens: 4290.0 * 512 / r.model.decoder_size).recipe
    training = recipe.training
    assert (recipe.model.encoder_size, recipe.model.decoder_size) == (width, width)
    assert (training.guided_attention, recipe.model.lexical) == (1.0, True)
    assert (recipe.model.recurrent_weight_dropout, recipe.model.word_dropout) == (weights, weights / 2)
    assert (training.learning_rate, recipe.model.dropout) == (pytest.approx(rate), dropout)
    assert training.average == pytest.approx(average, abs=1e-3)
    assert training.minutes == minutes
    num_tokens = 27_000 * (12 * 1.3 + 1)
    assert training.max_epochs >= minutes * 60 * 4290 / num_tokens  # the clock ends it, and not the count


def test_the_speed_asked_for_is_that_of_the_network_and_the_sentences_there_are():
    asked = []

    def speed(recipe, tokens):
        asked.append((recipe.model.encoder_layers, recipe.text.vocabulary_size, recipe.training.batch_tokens, tokens))
        assert recipe.model.lexical
        return 1000.0

    preset(500_000, words=20.0, minutes=60_000, speed=speed)
    assert asked == [(2, 8000, 2500, pytest.approx(26.0))]
    preset(500_000, words=20.0, speed=speed)
    assert len(asked) == 1  # without a budget nobody has to know
    preset(500_000, words=20.0, minutes=60, speed=speed)
    assert asked[1:] == [asked[0], (1, 8000, 2500, pytest.approx(26.0))]  # the smaller network has a speed of its own


@pytest.mark.parametrize(
    ("num_pairs", "passes", "is_small"),
    [(300_000, 3.0, True), (300_000, 4.5, False), (2_000_000, 1.5, True), (2_000_000, 2.0, False)],
)
def test_few_passes_over_much_text_get_a_small_network(num_pairs, passes, is_small):
    """Where two layers of 512 would read the text a third as often as is planned, one of 256 learns more of it."""
    num_tokens = num_pairs * (12 * 1.3 + 1)
    model = preset(num_pairs, minutes=60, speed=lambda *_: passes * num_tokens / 3600).recipe.model
    sizes = (model.encoder_layers, model.embedding_size, model.encoder_size, model.decoder_size)
    assert sizes == ((1, 256, 256, 256) if is_small else (2, 512, 512, 512))


@pytest.mark.parametrize(
    ("num_pairs", "passes", "share"),
    [(29_000, 5.0, 0.5), (29_000, 18.0, 1.0), (167_000, 3.0, 0.5), (167_000, 8.0, 1.0), (300_000, 1.0, 1.0)],
)
def test_few_passes_are_made_of_small_batches(num_pairs, passes, share):
    """An update learns hardly less from half as much text, and there are twice as many."""
    num_tokens = (num_pairs - 2000) * (12 * 1.3 + 1)
    found = preset(num_pairs, minutes=60, speed=lambda *_: passes * num_tokens / 3600)
    usual = preset(num_pairs).recipe.training.batch_tokens
    assert found.recipe.training.batch_tokens == usual * share
    assert ("half as many as usual" in found.reasons["training.batch_tokens"]) == (share < 1)
    updates = passes * num_tokens / (usual * share)
    assert found.recipe.training.average == pytest.approx(max(0.9, 1 - 16 / updates), abs=2e-3)


@pytest.mark.parametrize("minutes", [float("inf"), float("nan"), 0.0, -1.0])
def test_a_budget_that_is_none_is_refused(minutes):
    with pytest.raises(UserError, match="no time budget"):
        preset(1000, minutes=minutes, speed=lambda *_: 1000.0)


def test_much_more_time_than_there_is_to_learn_in_is_not_used_up():
    slow, fast = (preset(1000, minutes=600, speed=lambda _, tokens, s=s: s).recipe.training for s in (30.0, 1e6))
    assert fast.max_epochs == MOST * preset(1000).recipe.training.max_epochs > slow.max_epochs


@given(passes=st.floats(0.02, 1e5), off=st.floats(0.99, 1.01))
def test_a_clock_that_is_a_little_off_seldom_changes_a_setting(passes, off):
    kept = steady(passes)
    assert 1.2**-0.51 < kept / passes < 1.2**0.51
    assert steady(kept * off) == kept


@given(passes=st.floats(0.1, 1000), more=st.floats(1, 10))
def test_more_passes_ask_for_no_less_regularisation(passes, more):
    few, many = effort(passes, full=20), effort(passes * more, full=20)
    assert few.dropout <= many.dropout and few.rate >= many.rate


@pytest.mark.parametrize(
    ("num_pairs", "held_out"), [(3, 1), (10, 1), (100, 10), (200, 20), (400, 20), (4000, 200), (1_000_000, 1000)]
)
def test_pairs_held_out(num_pairs, held_out):
    data = preset(num_pairs).recipe.data
    assert (data.development_size, data.test_size) == (held_out, held_out)


def test_ten_pairs_are_still_learned_in_several_updates():
    recipe = preset(10, words=5).recipe
    tokens = 8 * (5 * 1.3 + 1)  # ten pairs less two; subwords and EOS
    assert tokens / recipe.training.batch_tokens > 1
    assert recipe.training.schedule.warmup_updates < recipe.training.max_epochs
    assert 276 <= recipe.text.vocabulary_size < 360  # 260 ids are bytes and special: fewer would be refused


def test_too_few_pairs():
    with pytest.raises(UserError, match="has 2 usable pair"):
        preset(2)


def test_development_set_is_not_translated_after_every_short_pass():
    small, middle, large = (preset(n).recipe.training for n in (500, 29_000, 3_000_000))
    passes = small.max_epochs / 40
    updates_a_pass = 450 * (12 * 1.3 + 1) / small.batch_tokens
    assert small.validate_every == pytest.approx(passes * updates_a_pass, rel=0.15)
    assert (middle.validate_every, large.validate_every) == (0, 2000)


def test_scripts_decide_what_is_shared_and_the_target_how_it_is_scored():
    same, other = preset(29_000, "en", "de").recipe, preset(29_000, "en", "zh").recipe
    assert (same.text.joint, same.model.tie, same.evaluation.tokenize) == (True, "all", "13a")
    assert (other.text.joint, other.model.tie, other.evaluation.tokenize) == (False, "target", "zh")


@pytest.mark.parametrize(
    ("scripts", "shared", "tokenizer"),
    [
        (("Latin", "Latin"), True, "13a"),
        (("Latin", "Cyrillic"), False, "13a"),
        (("Latin", "Han"), False, "zh"),
        (("Han", "Japanese"), False, "char"),
        (("Thai", "Thai"), True, "char"),
        (("", ""), True, "13a"),
    ],
)
def test_where_no_code_is_known_the_text_decides(scripts, shared, tokenizer):
    seen = dict(zip(("source_script", "target_script"), scripts, strict=True))
    found = preset(29_000, "source", "target", **seen)
    recipe, reasons = found.recipe, found.reasons
    assert (recipe.text.joint, recipe.model.tie) == ((True, "all") if shared else (False, "target"))
    assert recipe.evaluation.tokenize == tokenizer
    assert ("one script" if shared else "different scripts") in reasons["text.joint"]
    assert tokenizer == "13a" or f"text in {scripts[1]} script" in reasons["evaluation.tokenize"]


def test_a_known_code_counts_more_than_the_text():
    assert preset(29_000, "en", "zh", target_script="Latin").recipe.evaluation.tokenize == "zh"
    assert [is_known(code) for code in ("zh-Hans", "yue", "de", "source", "cmn")] == [True, True, True, False, False]
    assert (script("cmn", "Han"), metric_tokenizer("cmn", "Han"), is_segmented("cmn", "Han")) == ("Han", "zh", False)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Eine Straße, zwei Cafés.", "Latin"),
        ("Привет, NATO!", "Cyrillic"),
        ("Καλημέρα", "Greek"),
        ("السلام عليكم", "Arabic"),
        ("नमस्ते दुनिया", "Devanagari"),
        ("สวัสดีชาวโลก", "Thai"),
        ("မင်္ဂလာပါ", "Burmese"),
        ("一只狗在雪地里奔跑。", "Han"),
        ("犬が雪の中を走っている。", "Japanese"),
        ("コーヒー", "Japanese"),
        ("개가 눈 속을 달린다.", "Hangul"),
        ("12, 13 … !", ""),
        ("", ""),
    ],
)
def test_the_script_of_a_text(text, found):
    assert script_of(Counter(text)) == found


@pytest.mark.parametrize("own", [["development"], ["test"], ["development", "test"]])
def test_nothing_is_set_aside_for_a_set_the_corpus_has(own):
    found = preset(29_000, own_sets=own)
    for name in ("development", "test"):
        size, reason = getattr(found.recipe.data, f"{name}_size"), found.reasons[f"data.{name}_size"]
        assert (size == 0) == (name in own)
        assert (f"there is a {name} set already" in reason) == (name in own)


@pytest.mark.parametrize(
    ("language", "tokenizer"),
    [("zh", "zh"), ("zh-Hans", "zh"), ("ja", "char"), ("ko", "char"), ("th", "char"), ("de", "13a"), ("target", "13a")],
)
def test_metric_tokenizers(language, tokenizer):
    assert metric_tokenizer(language) == tokenizer


def test_scripts():
    assert script("ru") == script("uk") == "Cyrillic"
    assert script("en") == script("pt_BR") == script("source") == "Latin"
    assert (is_segmented("ko"), is_segmented("ja"), is_segmented("zh-TW")) == (True, False, False)


@pytest.mark.parametrize(
    ("source", "target", "found"),
    [
        ("my.en", "my.fr", ("en", "fr")),
        ("x.de.gz", "x.en.gz", ("de", "en")),
        ("data/train.en.txt", "data/train.pt_BR.txt", ("en", "pt_BR")),
        ("t.zh-Hans", "t.en", ("zh-Hans", "en")),
        ("corpus.hsb", "corpus.de", ("hsb", "de")),
        ("train.en-de.en", "train.en-de.de", ("en", "de")),
        ("pairs.en-de.tsv.gz", None, ("en", "de")),
        ("en.txt", "fr.txt", ("en", "fr")),
        ("my.txt", "my.tsv", ("source", "target")),
        ("left", "right", ("source", "target")),
        ("left.txt", "right.fr", ("source", "fr")),
        ("v1.2.src", "v1.2.tgt", ("source", "target")),
        ("pairs.tsv", None, ("source", "target")),
        ("a.xy", "b.qq", ("source", "target")),
        ("corpus.en.dev", "corpus.fr.dev", ("en", "fr")),
        ("a.en.trn", "a.hsb.trn", ("en", "hsb")),
        ("a.my.hsb", "a.my.dsb", ("hsb", "dsb")),
        ("a.hsb.val", "a.dsb.val", ("hsb", "dsb")),
        ("a.en.bak", "b.de.cln", ("en", "de")),
        ("left.dev", "right.dev", ("source", "target")),
        ("left.dev", "right.en.dev", ("source", "en")),
        ("a.en-fr.dev", None, ("en", "fr")),
        ("b.en-fr.dev", "a/b.en-fr.dev", ("en", "fr")),
        ("a.hsb-dsb.dsb", "a.hsb-dsb.hsb", ("dsb", "hsb")),
        ("a.en-hsb.hsb", "a.en-hsb.en", ("hsb", "en")),
    ],
)
def test_languages_guessed_from_names(source, target, found):
    assert guess_languages(Path(source), Path(target) if target else None) == found
