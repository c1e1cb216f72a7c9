"""`seq2seq translate`: a line in is a line out, whatever the line and however it is asked for."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from toy_runs import TINY, Outcome, Toy, call, done, refused, sets, started, toy, toy_pairs, write_pairs

__all__ = ["toy"]
SENTENCES = [source for source, _ in toy_pairs(80)][-12:]


def translate(toy: Toy, text: str | bytes, *options, how=done) -> Outcome:
    return how("translate", toy.run, *options, stdin=text)


@pytest.fixture(scope="module")
def usual(toy):
    """What comes out without any option."""
    return translate(toy, "\n".join(SENTENCES) + "\n").lines


def test_translations_are_right_and_in_order(toy, usual):
    wanted = dict(toy_pairs())
    right = sum(wanted.get(source, "") == got for source, got in zip(SENTENCES, usual, strict=True))
    assert right >= len(SENTENCES) // 2  # the toy learned its language; wrong order would leave next to none


def test_quiet_and_colourless(toy, monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    told = translate(toy, "the dog.\n", "--scores")
    assert told.err == ""
    assert "\x1b" not in told.out


def test_a_file_to_a_file(toy, tmp_path, usual):
    (tmp_path / "new.en").write_text("\n".join(SENTENCES) + "\n", encoding="utf-8")
    (tmp_path / "new.en.gz").write_bytes(gzip.compress((tmp_path / "new.en").read_bytes()))
    for name in ("new.en", "new.en.gz"):
        out = tmp_path / "made" / f"{name}.eu"
        told = done("translate", toy.run, tmp_path / name, "--output", out)
        assert told.out == ""
        assert out.read_text(encoding="utf-8").splitlines() == usual
        assert not out.with_name(out.name + ".part").exists()
    assert done("translate", toy.run, tmp_path / "new.en").lines == usual


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("\n", 1),
        ("the dog.", 1),
        ("the dog.\n\na cat.\n", 3),
        ("the dog.\r\n\r\na cat.\r\n", 3),
        (" \t \n the dog. \n", 2),
        ("\ufeffthe dog.\n", 1),
        ("a\x0bb\x0cc\x1cd\x85e\u2028f\u2029g\n", 1),
        ("\x00\x07\x1b[2J\n", 1),
        ("\U0001f600 \U0001f468\u200d\U0001f469\u200d\U0001f467\n", 1),
        ("\r\nx\ry\r\n", 2),
    ],
)
def test_lines_out_are_lines_in(toy, tmp_path, text, count):
    piped = translate(toy, text)
    assert len(piped.lines) == count
    for line, got in zip(text.encode().split(b"\n"), piped.lines, strict=False):
        assert bool(got) == bool(line.strip(b" \t\r\x00\x07\x0b\x0c")), (line, got)
    (tmp_path / "in").write_bytes(text.encode())
    done("translate", toy.run, tmp_path / "in", "-o", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == piped.raw


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"), max_size=25), max_size=6)
)
def test_any_lines_come_out_as_many(toy, lines):
    told = translate(toy, "".join(line + "\n" for line in lines), "--beam", "1")
    assert len(told.lines) == len(lines)
    for line, got in zip(lines, told.lines, strict=True):
        assert "\x1b" not in got
        assert "\r" not in got
        if not line.strip():
            assert got == ""


def test_a_translation_does_not_depend_on_its_neighbours(toy, usual):
    # Alone, in a batch, and in another order: the batch is padded differently each time.
    alone = [translate(toy, line + "\n").lines[0] for line in SENTENCES[:4]]
    assert alone == usual[:4]
    assert translate(toy, "\n".join(SENTENCES[::-1]) + "\n").lines == usual[::-1]
    assert translate(toy, "\n".join(SENTENCES) + "\n", *sets("search.batch_sentences=3")).lines == usual
    odd = [x for line in SENTENCES for x in (line, "", "the " * 30 + "dog.")]
    assert translate(toy, "\n".join(odd) + "\n").lines[::3] == usual


def test_a_very_long_line_is_translated_in_parts(toy):
    sentence = "the red dog sees a cat."
    told = translate(toy, "the dog.\n" + " ".join([sentence] * 60) + "\na cat.\n", "--beam", "1")
    alone = translate(toy, sentence + "\n", "--beam", "1").lines
    assert told.lines[1] == " ".join(alone * 60)
    assert len(told.lines) == 3
    assert told.err == ""


def test_beam_one_is_greedy(toy):
    text = "\n".join(SENTENCES) + "\n"
    assert translate(toy, text, "--beam", "1").raw == translate(toy, text, "--search", "greedy").raw


def test_nbest_lines_carry_number_score_and_translation(toy, usual):
    told = translate(toy, SENTENCES[0] + "\n\n" + SENTENCES[1] + "\n", "--nbest", "3")
    rows = [line.split("\t") for line in told.lines]
    assert [row[0] for row in rows] == ["1", "1", "1", "2", "3", "3", "3"]
    assert rows[3] == ["2", "0.0000", ""]
    for number in ("1", "3"):
        scores = [float(row[1]) for row in rows if row[0] == number]
        assert scores == sorted(scores, reverse=True)
        assert all(score < 0 for score in scores)
    assert [rows[0][2], rows[4][2]] == usual[:2]
    assert len({row[2] for row in rows[:3]}) == 3


def test_scores_and_alignment_are_columns(toy, usual):
    (line,) = translate(toy, SENTENCES[0] + "\n", "--scores", "--attention").lines
    score, text, pairs = line.split("\t")
    assert float(score) < 0
    assert text == usual[0]
    found = json.loads(translate(toy, SENTENCES[0] + "\n", "--json", "--attention").out)
    aligned = [tuple(map(int, pair.split("-"))) for pair in pairs.split()]
    assert [target for _, target in aligned] == list(range(len(found["tokens"]) - 1))
    for source, target in aligned:
        row = found["attention"][target]
        assert row[source] == max(row)


def test_json_fields(toy, usual):
    first, blank = map(json.loads, translate(toy, SENTENCES[0] + " \n\n", "--json", "--nbest", "2").lines)
    assert first["number"] == 1
    assert first["source"] == SENTENCES[0] + " "
    assert first["translation"] == usual[0] == first["nbest"][0]["translation"]
    assert len(first["nbest"]) == 2
    assert sum(first["token_log_probs"]) == pytest.approx(first["log_prob"], abs=1e-4)
    assert first["score"] == pytest.approx(first["log_prob"] / len(first["tokens"]), abs=1e-6)
    assert first["tokens"][-1] == "<eos>"
    assert "attention" not in first
    assert (blank["number"], blank["translation"], blank["tokens"]) == (2, "", [])
    attended = json.loads(translate(toy, SENTENCES[0] + "\n", "--json", "--attention").out)
    assert len(attended["attention"]) == len(attended["tokens"])
    for row in attended["attention"]:
        assert len(row) == len(attended["source_tokens"])
        assert sum(row) == pytest.approx(1, abs=1e-4)


def test_a_prefix_begins_every_translation(toy):
    told = translate(toy, "\n".join(SENTENCES[:3]) + "\n\n", "--prefix", "hiru katz")
    assert [line.startswith("hiru katz") for line in told.lines] == [True, True, True, False]
    assert told.lines[3] == ""


def test_sampling_is_a_function_of_the_seed(toy):
    text = "\n".join(SENTENCES) + "\n"
    hot = ["--search", "sampling", "--temperature", "3"]
    one = translate(toy, text, *hot, "--seed", "1").raw
    assert translate(toy, text, *hot, "--seed", "1").raw == one
    assert translate(toy, text, *hot, "--seed", "1", *sets("search.batch_sentences=2")).raw == one
    assert translate(toy, text, *hot, "--seed", "2").raw != one
    assert translate(toy, text, "--temperature", "3").raw == one  # what only sampling has asks for sampling
    greedy = translate(toy, text, "--search", "greedy").raw
    assert translate(toy, text, *hot, "--top-k", "1").raw == greedy
    assert translate(toy, text, *hot, "--top-p", "1e-9").raw == greedy


def test_threads_change_nothing(toy, usual):
    assert translate(toy, SENTENCES[0] + "\n", "--threads", "1", "--device", "cpu").lines == usual[:1]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--search", "greedy", "--nbest", "2"], "Greedy search finds one translation"),
        (["--beam", "3", "--temperature", "2"], "--beam and --temperature contradict each other"),
        (["--search", "beam", "--top-k", "2"], "contradict each other"),
        (["--temperature", "0"], "search.temperature"),
        (["--top-p", "1.5"], "search.top_p"),
        (["--set", "search.bem=3"], "Did you mean"),
        (["nowhere.en"], "nowhere.en"),
        (["--output", "."], "is a folder"),
    ],
)
def test_what_is_refused_says_what_to_do(toy, options, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert told in refused("translate", toy.run, *options, stdin="the dog.\n")
    assert not list(tmp_path.iterdir())


def test_usage_errors_are_2(toy):
    for options in (["--beam", "0"], ["--nbest", "0"], ["--search", "deep"], ["--nothing"]):
        told = translate(toy, "", *options, how=call)
        assert told.code == 2
        assert told.out == ""


def test_bytes_that_are_not_utf8_name_the_line_after_what_came_before(toy, tmp_path):
    told = translate(toy, b"the dog.\na cat.\n\xff\xfe\n", how=call)
    assert told.code == 2
    assert len(told.lines) == 2
    assert "standard input, line 3: byte 1 of the line (0xff) is not UTF-8" in told.err
    (tmp_path / "bad.en").write_bytes(b"the dog.\n\xff\n")
    told = call("translate", toy.run, tmp_path / "bad.en", "-o", tmp_path / "out")
    assert told.code == 2
    assert f"{tmp_path / 'bad.en'}, line 2" in told.err
    assert f"what was translated is in {tmp_path / 'out.part'}" in told.err
    assert not (tmp_path / "out").exists()
    assert (tmp_path / "out.part").read_text().count("\n") == 1


def test_a_missing_model_says_what_to_do(toy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "Make one first: seq2seq demo" in refused("translate", "nothing")
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "mine").symlink_to(toy.run)
    assert "Did you mean 'mine'?" in refused("translate", "mime")
    assert done("translate", "mine", stdin="\n").lines == [""]
    (tmp_path / "empty").mkdir()
    assert "neither a bundle nor a run" in refused("translate", "empty")


def test_a_place_that_cannot_be_written_is_no_traceback(toy, tmp_path):
    (tmp_path / "file").write_text("")
    told = call("translate", toy.run, "-o", tmp_path / "file" / "out", stdin="the dog.\n")
    assert told.code == 1
    assert told.err.startswith("error: ")
    assert "Traceback" not in told.err


def test_piped_each_line_is_answered_before_the_next_is_sent(toy, usual):
    with started("translate", toy.run, "--threads", "1", bufsize=0) as process:
        for source, wanted in zip([SENTENCES[0], "", SENTENCES[1]], [usual[0], "", usual[1]], strict=True):
            process.stdin.write(source.encode() + b"\n")
            timer = threading.Timer(60, process.kill)  # no answer, no test
            timer.start()
            assert process.stdout.readline().decode() == wanted + "\n"
            timer.cancel()
        process.stdin.close()
        assert process.wait(60) == 0
        assert process.stderr.read() == b""


def test_a_reader_that_leaves_ends_it_quietly_though_input_is_still_open(toy):
    with started("translate", toy.run, "--threads", "1") as process:
        process.stdin.write(b"the dog.\n")
        process.stdin.flush()
        assert process.stdout.readline()
        process.stdout.close()
        process.stdin.write(b"a cat.\n" * 50)
        process.stdin.flush()
        assert process.stderr.read() == b""
        assert process.wait(60) == 1


def test_ctrl_c_leaves_a_part_and_says_where(toy, tmp_path):
    out = tmp_path / "out.eu"
    reading, writing = os.pipe()
    with started("translate", toy.run, "--threads", "1", "-o", out, stdin=reading) as process:
        os.write(writing, b"the dog.\n")
        part = tmp_path / "out.eu.part"
        deadline = time.monotonic() + 60
        while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.1)  # now it waits for the next line, which never comes
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    os.close(reading)
    os.close(writing)
    assert process.returncode == 130
    assert err.decode() == f"what was translated is in {part}\ninterrupted\n"
    assert part.exists()
    assert not out.exists()


@pytest.mark.parametrize(
    "name", ["new.en", "./new.en", "made/../new.en", "made/link.en", "made/hard.en", "new.en.part -> new.en"]
)
def test_an_output_that_would_overwrite_an_input_is_refused(toy, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "made").mkdir()
    given, _, written = name.partition(" -> ")
    source = tmp_path / ("new.en.part" if written else "new.en")
    source.write_text("the dog.\n")
    if "link" in name:
        (tmp_path / name).symlink_to(source)
    if "hard" in name:
        (tmp_path / name).hardlink_to(source)
    told = refused("translate", toy.run, source.name, "-o", written or given)
    assert f"The translations would overwrite {source.name}" in told
    assert "Write them to another file." in told
    assert source.read_text() == "the dog.\n"
    assert len(list(tmp_path.rglob("*"))) == 2 + (given.startswith("made/") and ".." not in given)


def test_neither_the_glossary_nor_standard_input_is_overwritten(toy, tmp_path):
    terms, new = tmp_path / "terms.tsv", tmp_path / "new.en"
    terms.write_text("dog\tzakurra\n")
    new.write_text("the dog.\n")
    assert "would overwrite" in refused("translate", toy.run, "--glossary", terms, "-o", terms, stdin="the dog.\n")
    with (
        new.open("rb") as file,
        started("translate", toy.run, "--threads", "1", "-o", new, stdin=file) as process,
    ):
        _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert f"would overwrite standard input, which is the same file as {new}" in err.decode()
    with (
        new.open("ab") as file,
        started("translate", toy.run, "--threads", "1", new, stdout=file) as process,
    ):
        _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert f"would overwrite {new}, which is the same file as standard output" in err.decode()
    assert new.read_text() == "the dog.\n"


def test_a_folder_that_cannot_be_written_is_found_before_anything_is_read(toy, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    told = call("translate", "no-such-model", "no-such-input", "-o", tmp_path / "file" / "out")
    assert told.code == 1
    assert f"{tmp_path / 'file'} is not a folder" in told.err
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) != str(tmp_path))
    told = call("translate", "no-such-model", "no-such-input", "-o", tmp_path / "new" / "out")
    assert told.code == 1
    assert f"you may not write to the folder {tmp_path}" in told.err
    assert "Traceback" not in told.err


GLOSSARY = "# ours\ndog\tzakurra\n\nred boat\tontzi gorria\nthe\tlo\n"


@pytest.fixture
def terms(tmp_path):
    path = tmp_path / "terms.tsv"
    path.write_text(GLOSSARY, encoding="utf-8")
    return path


def test_terms_of_a_glossary_are_in_the_output(toy, terms, usual):
    texts = ["the dog sees a red boat.", "The dog and a red cat.", "one catdog", *SENTENCES]
    lines = "\n".join(texts) + "\n"
    told = translate(toy, lines, "--glossary", terms, "--json")
    assert told.err == ""
    found = list(map(json.loads, told.lines))
    assert [one["terms"] for one in found[:3]] == [
        [["the", "lo"], ["dog", "zakurra"], ["red boat", "ontzi gorria"]],
        [["the", "lo"], ["dog", "zakurra"]],
        [],
    ]
    for one in found:
        for _, target in one["terms"]:
            assert f" {target} " in f" {one['translation'].lower()} ".replace(".", " ")
    untouched = [(one["translation"], wanted) for one, wanted in zip(found[3:], usual, strict=True) if not one["terms"]]
    assert all(got == wanted for got, wanted in untouched)
    assert translate(toy, lines, "--glossary", terms).lines == [one["translation"] for one in found]
    assert "terms" not in json.loads(translate(toy, "the dog.\n", "--json").out)
    for options in (["--beam", "1"], ["--search", "greedy"], ["--nbest", "3"], ["--prefix", "hiru"]):
        for line in translate(toy, "the dog sees a cat.\n", "--glossary", terms, *options).lines:
            assert " zakurra " in line.replace(".", " ") + " "


@pytest.mark.parametrize(
    ("text", "options", "told"),
    [
        ("dog zakurra\n", [], "terms.tsv, line 1: a glossary's line must have one tab"),
        ("dog\tzakurra\n\tx\n", [], "terms.tsv, line 2: the source term is empty"),
        ("dog\tzakurra\ndog\thund\n", [], "terms.tsv, lines 1 and 2: 'dog' is to be 'zakurra' and 'hund'"),
        ("", [], "is empty"),
        (GLOSSARY, ["--temperature", "1"], "Sampling cannot promise"),
    ],
)
def test_a_wrong_glossary_is_refused_by_its_line(toy, terms, text, options, told):
    terms.write_text(text)
    assert told in refused("translate", toy.run, "--glossary", terms, *options, stdin="the dog.\n")


def test_a_glossary_that_is_not_there(toy, terms):
    assert "Did you mean 'terms.tsv'?" in refused("translate", toy.run, "--glossary", terms.with_name("term.tsv"))


QUANTITIES = {"some": "iu", "many": "mult", "no": "neni", "every": "ciu"}
GOODS = {"dogs": "hund", "cats": "katz", "boats": "ontzi", "trees": "arbol"}
MONEY = {"coins": "monet", "goats": "kapr", "shells": "konk"}
FRIENDS = {"somebody": "iu-ajn", "nobody": "neniu"}


def bargain(draw: random.Random, quantities=None) -> tuple[str, str]:
    """ "NAME buys 7 dogs for 12 coins from NAME ." with what is paid first in the translation, and names swapped."""

    def name() -> str:
        return "".join(draw.choice("bdfgklmnprstvz") + draw.choice("aeiou") for _ in range(3)).capitalize()

    def quantity() -> str:
        return str(draw.randint(2, 999)) if draw.random() < 0.6 else draw.choice(list(QUANTITIES))

    def friend() -> str:
        return name() if quantities or draw.random() < 0.6 else draw.choice(list(FRIENDS))

    first, second = quantities or (quantity(), quantity())
    buyer, seller, good, coin = friend(), friend(), draw.choice(list(GOODS)), draw.choice(list(MONEY))
    said = {**QUANTITIES, **FRIENDS}
    return (
        f"{buyer} buys {first} {good} for {second} {coin} from {seller} .",
        f"por {said.get(second, second)} {MONEY[coin]} de {said.get(seller, seller)} eros {said.get(buyer, buyer)} "
        f"{said.get(first, first)} {GOODS[good]} .",
    )


@pytest.fixture(scope="module")
def bargains(tmp_path_factory):
    """A run of whole words, learned from bargains over numbers of up to three digits."""
    folder = tmp_path_factory.mktemp("bargains")
    draw = random.Random(5)
    source, target = write_pairs(folder, [bargain(draw) for _ in range(900)])
    settings = [
        *(setting for setting in TINY if not setting.startswith(("text.", "model.attention"))),
        *("text.tokenizer=words", "text.tokenizer.minimum_count=3", "text.vocabulary_size=100", "text.joint=false"),
        *("model.tie=target", "model.attention.heads=1", "training.max_updates=300", "training.validate_every=150"),
    ]
    done("prepare", "--source", source, "--target", target, "--run", folder / "run", *sets(*settings))
    done("train", folder / "run", "--threads", "1")
    return folder / "run"


def test_numbers_and_names_never_seen_come_out_in_their_places_swapped_ones_swapped(bargains, tmp_path):
    draw = random.Random(99)
    pairs = [bargain(draw, (str(draw.randint(1000, 9999)), f"{draw.randint(10, 99)},{i}5")) for i in range(30)]
    lines = "".join(source + "\n" for source, _ in pairs)
    told = done("translate", bargains, stdin=lines)
    for (source, _), got in zip(pairs, told.lines, strict=True):
        for word in source.split():
            if word[0].isdigit() or word[0].isupper():  # each number and each name comes back, and once
                assert got.split().count(word) == 1, (source, got)
    right = sum(got == wanted for got, (_, wanted) in zip(told.lines, pairs, strict=True))
    assert right >= len(pairs) * 0.9
    assert done("repl", bargains, stdin=lines).lines == told.lines
    tokens = json.loads(done("translate", bargains, "--json", stdin=lines.split("\n")[0] + "\n").out)["tokens"]
    assert (tokens.count("[NUM]"), tokens.count("[UNK]")) == (2, 2)


def test_a_term_the_vocabulary_lacks_is_in_the_output_all_the_same(bargains, tmp_path):
    (tmp_path / "terms.tsv").write_text("Zazizu\tZozo von Zyx\ncats\tgatoj\n", encoding="utf-8")
    text = "Zazizu buys 1234 cats for 88 coins from Mimomu .\n"
    (got,) = done("translate", bargains, "--glossary", tmp_path / "terms.tsv", stdin=text).lines
    for wanted in ("Zozo von Zyx", "gatoj", "1234", "88"):
        assert f" {wanted} " in f" {got} "
    assert "Zazizu" not in got


def test_help_teaches_with_examples(toy):
    told = call("translate", "--help")
    assert told.code == 0
    assert "seq2seq translate runs/mine new.en -o new.de" in told.out
    assert "\x1b" not in told.out
