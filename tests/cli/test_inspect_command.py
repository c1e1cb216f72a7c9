"""`seq2seq inspect` as a person or a program calls it, and what prepare tells of its findings."""

from __future__ import annotations

import json

import pytest
from toy_runs import call, done, refused, sets, show_all_progress, write_pairs

from seq2seq.corpus.phrasebook.split import pairs

SMALL = sets("text.vocabulary_size=300", "model.encoder_size=8", "model.decoder_size=8", "model.embedding_size=8")


def phrases(count=2500):
    return [(source, target) for source, target in pairs("train")[:count]]


def slipped(at=1200):
    source, target = (list(side) for side in zip(*phrases(), strict=True))
    return list(zip(source, [*target[: at - 1], "Une ligne de trop.", *target[at - 1 : -1]], strict=True))


def files(folder, chosen):
    source, target = folder / "my.en", folder / "my.fr"
    source.write_text("".join(f"{s}\n" for s, _ in chosen), encoding="utf-8")
    target.write_text("".join(f"{t}\n" for _, t in chosen), encoding="utf-8")
    return ["--source", source, "--target", target]


def kinds(told):
    return [finding["kind"] for finding in told["findings"] if finding["severity"] != "note"]


def test_a_clean_corpus(tmp_path):
    told = done("inspect", *files(tmp_path, phrases()))
    assert told.lines[0] == "my.en and my.fr: en to fr, 2,500 pairs"
    assert "Nothing suspicious found." in told.lines
    assert "SERIOUS" not in told.out
    assert "Words a sentence: source " in told.out
    assert "█" in told.out
    assert "\x1b" not in told.out


def test_the_total_is_known_of_plain_files(tmp_path, monkeypatch):
    show_all_progress(monkeypatch)
    assert "inspecting: 2,500/2,500 pairs, 100 %" in done("inspect", *files(tmp_path, phrases())).err


def test_a_slip_with_its_lines_and_what_to_do(tmp_path):
    told = done("inspect", *files(tmp_path, slipped()))
    assert "SERIOUS: alignment slip, 1,3" in told.out
    assert "  From line 1,20" in told.out
    assert "fits the target of line 1,20" in told.out
    assert "  What to do: Look at both files at that place" in told.out
    assert "Nothing suspicious found." not in told.lines


def test_as_json_and_with_more_examples(tmp_path):
    corpus = [(source, source) if n % 10 == 0 else (source, target) for n, (source, target) in enumerate(phrases())]
    told = done("inspect", *files(tmp_path, corpus), "--json", "--examples", "7").json
    assert (told["name"], told["source_language"], told["target_language"]) == ("my.en and my.fr", "en", "fr")
    assert told["pairs"] == 2500
    (found,) = (finding for finding in told["findings"] if finding["kind"] == "identical sides")
    assert (found["count"], found["total"], found["share"], found["severity"]) == (250, 2500, 0.1, "warning")
    assert [example["line"] for example in found["examples"]] == [1, 11, 21, 31, 41, 51, 61]
    histogram = told["figures"]["lengths"]["source"]["histogram"]
    assert sum(entry["pairs"] for entry in histogram) == 2500


def test_strict_fails_where_something_serious_is_found(tmp_path):
    given = files(tmp_path, slipped())
    assert call("inspect", *given).code == 0
    told = call("inspect", *given, "--strict")
    assert (told.code, told.err) == (1, "")
    assert "alignment slip" in told.out
    assert call("inspect", *files(tmp_path, phrases(800)), "--strict").code == 0


def test_one_file_of_each_kind(tmp_path):
    chosen = phrases(300)
    tsv, jsonl = tmp_path / "pairs.en-fr.tsv", tmp_path / "pairs.jsonl"
    tsv.write_text("".join(f"{s}\t{t}\n" for s, t in chosen), encoding="utf-8")
    jsonl.write_text("".join(json.dumps({"en": s, "fr": t}) + "\n" for s, t in chosen), encoding="utf-8")
    for option, file in (("--tsv", tsv), ("--jsonl", jsonl)):
        told = done("inspect", option, file, "--json").json
        assert (told["pairs"], told["source_language"], told["target_language"]) == (300, "en", "fr")
    told = done("inspect", "--tsv", tsv, "--from", "fr", "--into", "en", "--json").json
    assert kinds(told) == ["swapped sides"]


def test_a_recipe_with_its_test_set(tmp_path):
    chosen = phrases(1000)
    files(tmp_path, chosen)
    for side, language in enumerate(("en", "fr")):
        held = "".join(f"{pair[side]}\n" for pair in chosen[:50])
        (tmp_path / f"held.{language}").write_text(held, encoding="utf-8")
    (tmp_path / "mine.toml").write_text(
        'name = "mine"\n[data]\ntrain = ["my.en", "my.fr"]\ntest = ["held.en", "held.fr"]\ndevelopment_size = 20\n',
        encoding="utf-8",
    )
    told = done("inspect", tmp_path / "mine.toml", "--data", tmp_path, "--json").json
    (leak,) = (finding for finding in told["findings"] if finding["kind"] == "test leakage")
    assert (told["name"], leak["count"], leak["total"], leak["severity"]) == ("mine", 50, 50, "serious")


def test_several_corpora_are_told_apart(tmp_path):
    files(tmp_path, phrases(1500))
    (tmp_path / "other").mkdir()
    files(tmp_path / "other", slipped())
    (tmp_path / "two.toml").write_text(
        "[data]\ndevelopment_size = 20\n"
        '[[data.corpora]]\nname = "good"\ntrain = ["my.en", "my.fr"]\n'
        '[[data.corpora]]\nname = "bad"\ntrain = ["other/my.en", "other/my.fr"]\n',
        encoding="utf-8",
    )
    told = done("inspect", tmp_path / "two.toml", "--data", tmp_path, "--json").json
    assert told["pairs"] == 4000
    assert [change["origin"] for change in told["figures"]["alignment slip"]["changes"]] == ["bad"]


def test_a_tiny_corpus_is_told_to_be_too_small_to_judge(tmp_path):
    told = done("inspect", *files(tmp_path, phrases(1)))
    assert "Nothing suspicious found." in told.lines
    assert "Not judged, for want of text that tells: whether the lines are aligned and the languages." in told.lines


def test_prepare_tells_what_weighs_and_where_to_see_all(tmp_path):
    given = [*files(tmp_path, slipped()), "--run", tmp_path / "run", *SMALL]
    told = done("prepare", *given)
    assert "Look at this before you train:" in told.lines
    assert any(line.startswith("  serious: From line 1,2") for line in told.lines)
    assert f"  See all, with lines and what to do: seq2seq inspect {tmp_path / 'run'}" in told.lines
    spaced = done("prepare", *given[: -len(SMALL) - 2], "--run", tmp_path / "my run", *SMALL)
    assert f"  See all, with lines and what to do: seq2seq inspect '{tmp_path / 'my run'}'" in spaced.lines
    found = done("prepare", *given, "--json").json
    assert kinds(found) == ["alignment slip"]
    assert found["findings"][0]["examples"][0]["line"] == pytest.approx(1200, abs=10)
    # The run itself says it as well.
    told = done("inspect", tmp_path / "run", "--json").json
    assert kinds(told) == ["alignment slip"]
    assert (told["name"], told["pairs"]) == ("my-en-fr", found["splits"]["train"]["pairs"])


def test_prepare_is_silent_about_a_clean_corpus(tmp_path):
    given = [*files(tmp_path, phrases(1000)), "--run", tmp_path / "run", *SMALL]
    assert "before you train" not in done("prepare", *given).out
    assert done("prepare", *given, "--json").json["findings"] == []


def test_examples_cannot_steer_the_terminal(tmp_path):
    corpus = [*phrases(200), *[("A \x1b[31mred\x07 word", "Un mot rouge")] * 10]
    told = done("inspect", *files(tmp_path, corpus))
    assert "control characters" in told.out
    assert "\x1b" not in told.out
    assert "\x07" not in told.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "inspect needs one corpus, and was given nothing"),
        (["demo", "--tsv", "x.tsv"], "was given CORPUS and --tsv"),
        (["--source", "x.en"], "--source needs --target"),
        (["demo", "--from", "en"], "--from does nothing with a run or a recipe"),
        (["--tsv", "x.tsv", "--target", "y"], "--target does nothing with --tsv"),
        (["--tsv", "nowhere.tsv"], "There is no file nowhere.tsv"),
        (["multi30k-en-ed"], "multi30k-en-ed is no prepared run and no recipe"),
        (["--hub", "a/b"], "needs --from and --into"),
    ],
)
def test_what_cannot_be_inspected(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in refused("inspect", *arguments)


def test_a_text_file_in_the_place_of_a_corpus(tmp_path):
    source, _ = write_pairs(tmp_path)
    assert f"Text files are given as: --source {source}" in refused("inspect", source)


def test_the_help_teaches():
    told = done("inspect", "--help").out
    assert "lines that slip" in " ".join(told.split())
    assert "seq2seq inspect --source my.en --target my.de" in told
