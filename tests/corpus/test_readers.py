"""Every reader of the registry keeps the contract of `seq2seq.corpus.reader`; then each one's own errors."""

from __future__ import annotations

import bz2
import csv
import gzip
import inspect
import json
import lzma
import random
import re
import sys
import tracemalloc
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from xml.sax.saxutils import escape

import pytest
import zstandard

import seq2seq.corpus.readers
from seq2seq.corpus.files import OPENERS
from seq2seq.corpus.pair import Pair
from seq2seq.corpus.parting import find_parting
from seq2seq.corpus.reader import num_pairs
from seq2seq.corpus.readers import jsonl as jsonl_reader
from seq2seq.corpus.readers import tmx as tmx_reader
from seq2seq.corpus.readers.aligned import Aligned
from seq2seq.corpus.readers.hub import Hub
from seq2seq.corpus.readers.jsonl import Jsonl
from seq2seq.corpus.readers.tmx import Tmx
from seq2seq.corpus.readers.tsv import Tsv
from seq2seq.errors import UserError
from seq2seq.registry import READERS

EXPECTED = [
    Pair(1, "The miller sleeps.", "Der Müller schläft."),
    Pair(2, "", "Leer\u2028getrennt"),
    Pair(3, "  Two  spaces & <more>", "Zwei"),
]
PACK = {"": bytes, ".gz": gzip.compress, ".xz": lzma.compress, ".bz2": partial(bz2.compress, compresslevel=1)}
PACK[".zst"] = zstandard.ZstdCompressor().compress
HEAD = '<?xml version="1.0" encoding="UTF-8"?><tmx version="1.4"><header srclang="en"/><body>'


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(PACK[path.suffix if path.suffix in PACK else ""](text.encode("utf-8")))
    return path


def unit(source, target, codes=("en", "de")):
    sides = zip(codes, (source, target), strict=True)
    return "<tu>" + "".join(f'<tuv xml:lang="{code}"><seg>{text}</seg></tuv>' for code, text in sides) + "</tu>\n"


def write_json_lines(path, rows):
    return write(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


# Each makes the reader's files of the given pairs, packed as the suffix says, and the reader. One that reads no files
# of ours takes neither suffix nor options.
def aligned(folder, pairs, suffix="", **options):
    return Aligned(
        source=write(folder / f"a.en{suffix}", "".join(f"{p.source}\n" for p in pairs)),
        target=write(folder / f"a.de{suffix}", "".join(f"{p.target}\r\n" for p in pairs)),
        **options,
    )


def tsv(folder, pairs, suffix="", **options):
    rows = "".join(f"{p.line}\t{p.target}\t{p.source}\tnote\n" for p in pairs)
    return Tsv(path=write(folder / f"a.tsv{suffix}", "\ufeff" + rows), columns=(2, 1), **options)


def jsonl(folder, pairs, suffix="", **options):
    rows = [{"id": p.line, "en": p.source, "de": p.target} for p in pairs]
    path = write_json_lines(folder / f"a.jsonl{suffix}", rows)
    return Jsonl(path=path, source_language="en", target_language="de", **options)


def tmx(folder, pairs, suffix="", **options):
    units = "".join(unit(escape(p.source), escape(p.target)) for p in pairs).removesuffix("\n")
    path = write(folder / f"a.tmx{suffix}", f"{HEAD}{units}</body></tmx>")
    return Tmx(path=path, source_language="en", target_language="de", **options)


def hub(folder, pairs):
    write_json_lines(folder / "train.jsonl", [{"en": p.source, "de": p.target} for p in pairs])
    return Hub("some/name", "train", source_language="en", target_language="de", folder=folder)


def phrasebook(folder, pairs):
    return READERS.load("phrasebook")(split="train")


MAKERS = {
    "aligned": aligned,
    "tsv": tsv,
    "jsonl": jsonl,
    "tmx": tmx,
    "hub": hub,
    "phrasebook": phrasebook,
}
OF_FILES = sorted(MAKERS.keys() - {"hub", "phrasebook"})
OF_PAIRS = sorted(MAKERS.keys() - {"phrasebook"})


@pytest.fixture(params=sorted(READERS))
def maker(request):
    assert request.param in MAKERS, f"give the reader {request.param!r} a maker in this file"
    return MAKERS[request.param]


def test_every_file_of_the_room_is_registered():
    files = {path.stem for path in Path(seq2seq.corpus.readers.__file__).parent.glob("*.py")} - {"__init__"}
    assert files <= {READERS.member(name).path.split(":")[0].rpartition(".")[2] for name in READERS}


def test_gives_pairs_streamed_numbered_and_the_same_again(maker, tmp_path):
    reader = maker(tmp_path, EXPECTED)
    assert isinstance(reader(), Iterator)
    pairs = list(reader())
    assert pairs and all(isinstance(pair, Pair) for pair in pairs)
    assert [pair.line for pair in pairs] == list(range(1, len(pairs) + 1))
    assert all(isinstance(pair.source, str) and isinstance(pair.target, str) for pair in pairs)
    assert list(reader()) == pairs


@pytest.mark.parametrize("name", OF_PAIRS)
def test_gives_exactly_what_the_files_hold(name, tmp_path):
    reader = MAKERS[name](tmp_path, EXPECTED)
    one, other = reader(), reader()
    assert [next(one), next(other)] == [EXPECTED[0]] * 2  # two readings do not disturb each other
    assert list(one) == list(other) == EXPECTED[1:]


@pytest.mark.parametrize("suffix", sorted(OPENERS))
@pytest.mark.parametrize("name", OF_FILES)
def test_gives_the_same_of_packed_files(name, suffix, tmp_path):
    assert list(MAKERS[name](tmp_path, EXPECTED, suffix)()) == EXPECTED


def test_a_reader_that_counts_its_pairs_counts_right(maker, tmp_path):
    reader = maker(tmp_path, EXPECTED)
    assert num_pairs(reader) in (None, sum(1 for _ in reader()))


@pytest.mark.parametrize("name", ["aligned", "jsonl", "tsv"])
def test_pairs_a_line_are_counted_where_the_file_is_plain(name, tmp_path):
    make = MAKERS[name]
    assert num_pairs(make(tmp_path, many(5))) == 5
    for lines, count in {(1, 5): 5, (2, 4): 3, (4, 9): 2, (8, 9): 0}.items():
        assert num_pairs(make(tmp_path, many(5), lines=lines)) == count
    assert num_pairs(make(tmp_path, many(5), ".gz")) is None
    reader = make(tmp_path, many(5))
    for path in tmp_path.glob("a.*"):
        path.write_bytes(path.read_bytes().removesuffix(b"\n"))
    assert num_pairs(reader) == 5  # the last line ends with the file


def many(count):
    return [Pair(n + 1, f"{n} {n * 7919 % 10007} " * 3, f"{n * 31 % 9973} {n * n}" * 3) for n in range(count)]


@pytest.mark.parametrize("name", OF_PAIRS)
def test_many_pairs_come_in_order(name, tmp_path):
    assert list(MAKERS[name](tmp_path, many(3000))()) == many(3000)


@pytest.mark.parametrize("name", OF_FILES)
def test_memory_does_not_grow_with_the_file(name, tmp_path):
    def peak(count):
        reader = MAKERS[name](tmp_path, many(count))
        tracemalloc.start()
        try:
            assert sum(1 for _ in reader()) == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(1500)  # what is imported late is imported
    assert peak(9000) < 1.2 * peak(1500) + 100_000


@pytest.mark.parametrize("name", OF_FILES)
@pytest.mark.parametrize("suffix", ["", ".zst"])
def test_a_missing_and_an_empty_file_are_refused(name, suffix, tmp_path):
    with pytest.raises(UserError, match=r"no file .*Its folder has no files|no file .*Did you mean"):
        reader = MAKERS[name](tmp_path, EXPECTED, suffix)
        for path in tmp_path.iterdir():
            path.rename(path.with_name("b" + path.name))
        list(reader())
    with pytest.raises(UserError, match=rf"a\.\w+\{suffix} is empty" if suffix else "is empty"):
        reader = MAKERS[name](tmp_path, EXPECTED, suffix)
        for path in tmp_path.glob("a.*"):
            path.write_bytes(PACK[suffix](b""))
        list(reader())


@pytest.mark.parametrize("suffix", sorted(OPENERS))
@pytest.mark.parametrize("name", OF_FILES)
def test_a_file_that_is_cut_short_says_so_after_what_could_be_read(name, suffix, tmp_path):
    reader, read = MAKERS[name](tmp_path, many(6000), suffix), []
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(UserError, match=r"is cut short: its compressed data ends early, after line \d+"):
        for pair in reader():
            read.append(pair)
    assert read == many(len(read))
    assert read


@pytest.mark.parametrize("name", OF_FILES)
def test_bytes_in_another_encoding_name_file_line_and_byte(name, tmp_path):
    reader = MAKERS[name](tmp_path, EXPECTED)
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes().replace("ä".encode(), b"\xe4"))
    with pytest.raises(UserError, match=r"/a\.\w+, line 1: byte \d+ of the (line|file) \(0xe4\) is not .*iconv"):
        list(reader())


def test_settings_of_the_registry_are_those_of_the_class():
    for name in READERS:
        assert set(READERS.member(name).settings) <= set(inspect.signature(READERS.load(name)).parameters)


# --- ranges of lines


NINE = [Pair(n, f"en{n}", f"de{n}") for n in range(1, 10)]


@pytest.mark.parametrize("name", OF_FILES)
class TestRange:
    @pytest.mark.parametrize("lines", [(1, 1), (1, 9), (3, 5), (9, 9)])
    def test_keeps_both_ends_and_the_lines_numbers(self, name, lines, tmp_path):
        assert list(MAKERS[name](tmp_path, NINE, lines=lines)()) == NINE[lines[0] - 1 : lines[1]]

    @pytest.mark.parametrize("lines", [(0, 3), (4, 3), (-2, -1)])
    def test_that_is_none_is_refused(self, name, lines, tmp_path):
        with pytest.raises(UserError, match="make no range"):
            MAKERS[name](tmp_path, NINE, lines=lines)

    @pytest.mark.parametrize("lines", [(3, 10), (10, 12)])
    def test_beyond_the_end_gives_the_number_of_lines(self, name, lines, tmp_path):
        with pytest.raises(UserError, match="has 9 lines, but lines"):
            list(MAKERS[name](tmp_path, NINE, lines=lines)())


# --- aligned


@pytest.mark.parametrize(("num_source", "num_target"), [(3, 5), (5, 3), (4, 5)])
@pytest.mark.parametrize("lines", [None, (1, 2)])
def test_files_of_different_length_give_both_counts(tmp_path, num_source, num_target, lines):
    (tmp_path / "a.en").write_text("x\n" * num_source, "utf-8")
    (tmp_path / "a.de").write_text("x\n" * num_target, "utf-8")
    with pytest.raises(UserError, match=rf"a\.en has {num_source} lines, .*a\.de has {num_target}\."):
        list(Aligned(tmp_path / "a.en", tmp_path / "a.de", lines=lines)())


def sentences(count, seed=3):
    """Lengths of sentences and of translations of theirs, which are half as long again, give or take."""
    generator = random.Random(seed)
    lengths = [generator.randint(20, 160) for _ in range(count)]
    return lengths, [int(length * 1.5 * generator.uniform(0.85, 1.15)) for length in lengths]


def part(folder, source, target):
    for name, lengths in (("a.en", source), ("a.de", target)):
        write(folder / name, "".join("x" * length + "\n" for length in lengths))
    with pytest.raises(UserError) as refused:
        list(Aligned(folder / "a.en", folder / "a.de")())
    assert f"a.en has {len(source)} lines, {folder / 'a.de'} has {len(target)}. " in refused.value.message
    return refused.value.message


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize(("at", "count"), [(0, 1), (400, 1), (777, 3), (1300, 40)])
def test_the_line_where_the_files_part_is_found(tmp_path, side, at, count):
    lengths = sentences(2000)
    del lengths[side][at : at + count]
    found = re.search(r"they part near line (\d+), or before it", part(tmp_path, *lengths))
    assert abs(int(found[1]) - (at + 1)) <= 10


@pytest.mark.parametrize("side", [0, 1])
def test_files_that_agree_to_the_end_of_one_of_them_say_so(tmp_path, side):
    lengths = sentences(500)
    del lengths[side][-3:]
    told = part(tmp_path, *lengths)
    assert f"agree to the end of {tmp_path / ('a.en', 'a.de')[side]}: its last lines are missing" in told


def test_of_several_places_the_last_is_not_passed(tmp_path):
    source, target = sentences(3000)
    for at in (2000, 700):
        del target[at]
    found = re.search(r"they part near line (\d+), or before it", part(tmp_path, source, target))
    assert 690 <= int(found[1]) <= 2010


@pytest.mark.parametrize("count", [1, 30])
def test_files_that_never_agreed_get_no_line(tmp_path, count):
    lengths = sentences(2000)
    told = part(tmp_path, sentences(2000, seed=4)[0][:-count], lengths[1])
    assert "The lengths of the lines do not tell where they part." in told


def test_looking_for_the_place_takes_no_memory(tmp_path):
    def lengths(count):
        return (20 + n * 7919 % 140 for n in range(count))

    tracemalloc.start()
    try:
        assert find_parting(lengths(9000), lengths(9001), 1) == (9001, True)
        assert tracemalloc.get_traced_memory()[1] < 20_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("shift", [0, -1, 10**9])
def test_a_difference_that_is_no_slip_has_no_place(shift):
    assert find_parting([5] * 99, [5] * 100, shift) is None


def test_aligned_refuses_a_missing_file_at_once(tmp_path):
    (tmp_path / "a.en").write_text("x\n", "utf-8")
    with pytest.raises(UserError, match=r"no file .*a\.de"):
        Aligned(tmp_path / "a.en", tmp_path / "a.de")


def test_aligned_names_the_file_that_is_not_utf8(tmp_path):
    (tmp_path / "a.en").write_text("x\ny\n", "utf-8")
    (tmp_path / "a.de").write_bytes(b"x\n\xe9\n")
    with pytest.raises(UserError, match=r"a\.de, line 2"):
        list(Aligned(tmp_path / "a.en", tmp_path / "a.de")())


# --- tsv


@pytest.mark.parametrize(("text", "line", "found"), [("a\tb\tc\na\tb\n", 2, "2 columns"), ("\n", 1, "1 column ")])
def test_too_few_columns_name_line_found_and_needed(tmp_path, text, line, found):
    (tmp_path / "a.tsv").write_text(text, "utf-8")
    wanted = rf"a\.tsv, line {line}: {found}.*3 needed \(source is column 0, target is column 2"
    with pytest.raises(UserError, match=wanted):
        list(Tsv(tmp_path / "a.tsv", columns=(0, 2))())


def test_quotes_mean_nothing_special(tmp_path):
    (tmp_path / "a.tsv").write_text('"open\tsay ""x""\n', "utf-8")
    assert list(Tsv(tmp_path / "a.tsv")()) == [Pair(1, '"open', 'say ""x""')]


@pytest.mark.parametrize("columns", [(0, 0), (-1, 1)])
def test_columns_that_are_not_two_are_refused(tmp_path, columns):
    (tmp_path / "a.tsv").write_text("a\tb\n", "utf-8")
    with pytest.raises(UserError, match="not two columns"):
        Tsv(tmp_path / "a.tsv", columns=columns)


# --- jsonl


def read_json(folder, *rows, **options):
    text = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)
    return list(Jsonl(write(folder / "a.jsonl", text), **options)())


EN_DE = {"source_language": "en", "target_language": "de"}


@pytest.mark.parametrize(
    ("row", "options"),
    [
        ({"en": "a", "de": "b"}, EN_DE),
        ({"source": "a", "target": "b"}, EN_DE),
        ({"source": "a", "target": "b"}, {}),
        ({"translation": {"en": "a", "de": "b"}}, EN_DE),
        ({"en": "a", "de": "b", "source": "the web", "target": 3}, EN_DE),
        ({"src": "a", "tgt": "b"}, {"fields": ("src", "tgt"), **EN_DE}),
        (
            {"en": "x", "de": "y", "deep": {"er": {"s": "a"}, "t.t": "b"}},
            {"fields": ("deep.er.s", "deep.t.t"), **EN_DE},
        ),
        ({"deep.s": "a", "deep": {"s": "x"}, "t": "b"}, {"fields": ("deep.s", "t")}),
    ],
)
def test_fields_are_found_by_name(tmp_path, row, options):
    assert read_json(tmp_path, row, row, **options) == [Pair(1, "a", "b"), Pair(2, "a", "b")]


def test_lines_without_anything_are_passed_over_and_counted(tmp_path):
    row = {"source": "a", "target": "b"}
    assert read_json(tmp_path, row, "", " \t", row) == [Pair(1, "a", "b"), Pair(4, "a", "b")]
    with pytest.raises(UserError, match="holds no JSON objects"):
        read_json(tmp_path, "", "")


@pytest.mark.parametrize(
    ("wrong", "message", "hint"),
    [
        ('{"en": "a"', "not valid JSON: ", "mend or delete the line"),
        ('{"en": "\\ud800", "de": "b"', "not valid JSON: ", "mend or delete"),
        ('{"en": "\\ud800", "de": NaN}', "not valid JSON: ", "mend or delete"),
        ("[" * 100_000, "not valid JSON: ", ""),
        ('"en"', '"en", and an object is needed', 'For instance {"en": "...", "de": "..."}'),
        ("[1]", "a list, and an object is needed", 'For instance {"en"'),
        ("null", "null, and an object is needed", ""),
        ("{}", "there is no field 'en'; the fields are: none", "data.fields"),
        ('{"en": "a", "dee": "b"}', "there is no field 'de'; the fields are: en, dee", "Did you mean 'dee'?"),
        ('{"source": "a", "target": "b"}', "there is no field 'en'; the fields are: source, target", "Known: source"),
        (
            '{"translation": {"en": "a"}}',
            "there is no field 'en'; the fields are: translation.en",
            "Known: translation.en",
        ),
        ('{"en": "a", "de": 3}', "the field 'de' holds 3, and text is needed", "Mend or delete"),
        ('"\\ud800"', '"\\ud800", and an object is needed', ""),
        ('{"en": "a", "de": true}', "the field 'de' holds true", ""),
        ('{"en": ["a"], "de": "b"}', "the field 'en' holds a list", ""),
        ('{"en": {"a": 1}, "de": "b"}', "the field 'en' holds an object", ""),
    ],
)
def test_a_wrong_line_of_json_says_what_is_there(tmp_path, wrong, message, hint):
    with pytest.raises(UserError) as refused:
        read_json(tmp_path, {"en": "a", "de": "b"}, wrong, **EN_DE)
    assert f"a.jsonl, line 2: {message}" in refused.value.message
    assert hint in refused.value.hint


def test_a_first_object_without_the_fields_names_those_that_were_looked_for(tmp_path):
    with pytest.raises(UserError, match=r"line 1: there is no field 'en'; the fields are: src, tgt\..*data\.fields"):
        read_json(tmp_path, {"src": "a", "tgt": "b"}, **EN_DE)
    with pytest.raises(UserError, match=r"no field 'translation\.de'.*Did you mean 'translation\.deu'"):
        read_json(tmp_path, {"translation": {"en": "a", "deu": "b"}}, **EN_DE)


@pytest.mark.parametrize("indent", [None, 0, 2])
def test_one_array_in_the_place_of_lines_is_recognised(tmp_path, indent):
    rows = [{"en": "a", "de": "b"}]
    with pytest.raises(UserError, match=r"line 1: (a list|not valid JSON).*jq -c '\.\[\]' a\.jsonl > NEW"):
        read_json(tmp_path, json.dumps(rows, indent=indent), **EN_DE)
    with pytest.raises(UserError) as refused:
        read_json(tmp_path, rows[0], json.dumps(rows, indent=indent), **EN_DE)
    assert "jq" not in refused.value.hint


def test_half_a_surrogate_pair_in_json_is_read(tmp_path):
    row = {"en": "x\ud800y", "de": "b", "n": 1}
    assert json.dumps(row).isascii()
    assert read_json(tmp_path, row, **EN_DE) == [Pair(1, "x\ud800y", "b")]


@pytest.mark.parametrize("row", [{"en": None, "de": "b"}, {"translation": {"en": None, "de": "b"}}])
def test_null_in_json_is_an_empty_text_as_in_a_dataset_of_the_hub(tmp_path, row):
    assert read_json(tmp_path, row, **EN_DE) == [Pair(1, "", "b")]
    reader = Hub("x/y", "train", folder=write(tmp_path / "hub" / "train.jsonl", json.dumps(row)).parent, **EN_DE)
    assert list(reader()) == [Pair(1, "", "b")]


def test_a_whole_translation_of_null_in_json_is_two_empty_texts(tmp_path):
    rows = {"translation": {"en": "a", "de": "b"}}, {"translation": None}
    assert read_json(tmp_path, *rows, **EN_DE) == [Pair(1, "a", "b"), Pair(2, "", "")]


@pytest.mark.parametrize("fields", [("a",), ("a", "a"), ("a", "b", "c")])
def test_fields_that_are_not_two_are_refused(tmp_path, fields):
    with pytest.raises(UserError, match=r"field\(s\) are named"):
        read_json(tmp_path, {"a": "x"}, fields=fields)


@pytest.mark.parametrize(
    ("row", "codes"),
    [
        ({"id": 3, "en": "a", "de": "b"}, ["en", "de"]),
        ({"id": "3", "translation": {"fr": "a", "en": "b"}}, ["fr", "en"]),
        ({"n": 1}, []),
    ],
)
def test_the_fields_with_text_may_be_languages(tmp_path, row, codes):
    write_json_lines(tmp_path / "a.jsonl", [row])
    assert jsonl_reader.languages_of(tmp_path / "a.jsonl") == codes


# --- tmx


def read_tmx(folder, text, **options):
    path = write(folder / "a.tmx", text if text.startswith("<?xml") else f"{HEAD}{text}</body></tmx>")
    return list(Tmx(path, **{**EN_DE, **options})())


def test_a_translation_memory_as_tools_write_it(tmp_path):
    text = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE tmx SYSTEM "tmx14.dtd">
<tmx version="1.4">
  <header srclang="en-US" datatype="xml" segtype="sentence" o-tmf="x"><note>en, de</note></header>
  <body>
    <tu tuid="1" changedate="20200101T000000Z"><prop type="x">a property</prop>
      <tuv xml:lang="en-US"><note>a note</note><seg>Milk &amp; honey&nbsp;.</seg></tuv>
      <tuv xml:lang="fr"><seg>Lait</seg></tuv>
      <tuv xml:lang="de-DE"><prop type="y">p</prop>
        <seg>
          Milch und
             Honig.
        </seg></tuv>
    </tu>
    <tu><tuv lang="DE_at"><seg>Eins</seg></tuv><tuv lang="EN"><seg>One</seg></tuv></tu>
  </body>
</tmx>
"""
    assert read_tmx(tmp_path, text) == [Pair(6, "Milk & honey\xa0.", "Milch und Honig."), Pair(15, "One", "Eins")]


@pytest.mark.parametrize(
    ("segment", "text"),
    [
        ('Press <bpt i="1">&lt;b&gt;</bpt>OK<ept i="1">&lt;/b&gt;</ept> now.', "Press OK now."),
        ('half<bpt i="1">&lt;i&gt;</bpt>way<ept i="1">&lt;/i&gt;</ept>', "halfway"),
        ("one<ph>&lt;br/&gt;</ph>two", "one two"),
        ("one<ph/><ph/>two", "one two"),
        ("First.<ph>&lt;br/&gt;</ph>Second", "First. Second"),
        ("1,<ph/>000 at 12:<ph/>30.<ph/>Then", "1,000 at 12:30. Then"),
        ("(One)<ph/>Two!<ph/>(Three)<ph/>¿Qué?<ph/>¡Sí!", "(One) Two! (Three) ¿Qué? ¡Sí!"),
        ("(<ph/>one<ph/>) <ph/>two<ph/>.", "(one) two."),
        ("नमस्ते<ph/>दुनिया।<ph/>हम", "नमस्ते दुनिया। हम"),
        ("cafe\u0301<ph/>bar", "cafe\u0301 bar"),
        ("你好<ph/>世界。<ph/>人々<ph/>世界", "你好世界。人々世界"),
        ("ดี<ph/>มาก", "ดีมาก"),
        ("我用<ph/>Python", "我用 Python"),
        ("see <ph>{0}</ph>, and <ph/>go<ph/>", "see , and go"),
        ('a <hi type="bold">strong <hi>word</hi></hi> here', "a strong word here"),
        ('a <ph>&lt;img alt="<sub>a <hi>small</hi> dog</sub>"&gt;</ph>picture', "a picture"),
        ('it <it pos="begin">&lt;u&gt;</it>is', "it is"),
        ("a <ut>x</ut>b <b>c</b>", "a b c"),
        ("<![CDATA[a < b & c]]> &lt;d&gt; &#233;", "a < b & c <d> é"),
        ("", ""),
        (" two\n  lines \r\n", " two lines"),
        ("<ph>x</ph>", ""),
    ],
)
def test_inline_markup_goes_and_its_text_stays(tmp_path, segment, text):
    assert read_tmx(tmp_path, unit(segment, "b")) == [Pair(1, text, "b")]


@pytest.mark.parametrize(
    ("codes", "asked"),
    [
        (("en", "de"), ("en", "de")),
        (("en-GB", "DE_at"), ("en", "de")),
        (("EN", "de"), ("en", "DE")),
        (("pt-BR", "pt-PT"), ("pt-BR", "pt-PT")),
        (("en-GB", "en-US"), ("en-GB", "en")),
        (("en-GB", "en-US"), ("en", "en-US")),
        (("zh-Hans-CN", "en"), ("zh-hans", "en")),
    ],
)
def test_a_language_takes_its_variants(tmp_path, codes, asked):
    found = read_tmx(tmp_path, unit("a", "b", codes), source_language=asked[0], target_language=asked[1])
    assert found == [Pair(1, "a", "b")]


@pytest.mark.parametrize("codes", [("en", "den"), ("eng", "de"), ("en", "d")])
def test_a_language_takes_no_other_that_begins_alike(tmp_path, codes):
    with pytest.raises(UserError, match=rf"no unit in both en and de; its languages are: {codes[0]}, {codes[1]}\."):
        read_tmx(tmp_path, unit("a", "b", codes))


def test_a_variant_that_is_the_other_language_is_not_taken_for_both(tmp_path):
    found = read_tmx(tmp_path, unit("a", "b", ("en-GB", "en")), source_language="en", target_language="en-GB")
    assert found == [Pair(1, "b", "a")]


def test_of_several_variants_the_first_counts(tmp_path):
    text = unit("a", "b").replace("</tu>", '<tuv xml:lang="en-GB"><seg>c</seg></tuv></tu>')
    assert read_tmx(tmp_path, text) == [Pair(1, "a", "b")]


def test_units_without_one_of_the_languages_are_passed_over_and_told_once(tmp_path, capsys):
    text = "\n" + unit("a", "b") + unit("c", "d", ("en", "fr")) + "<tu/>" + unit("e", "f")
    reader = Tmx(write(tmp_path / "a.tmx", f"{HEAD}{text}</body></tmx>"), **EN_DE)
    assert list(reader()) == list(reader()) == [Pair(2, "a", "b"), Pair(4, "e", "f")]
    told = capsys.readouterr().err
    assert told.count("2 of 4 units lack en or de and are passed over, the first at line 3.") == 1


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "iso-8859-1", "utf-8-sig", "cp1252"])
def test_the_encoding_that_is_declared_is_read(tmp_path, encoding):
    text = HEAD.replace("UTF-8", re.sub("-(sig|[lb]e)$", "", encoding)) + unit("é", "ü") + "</body></tmx>"
    (tmp_path / "a.tmx").write_bytes(text.encode(encoding))
    assert list(Tmx(tmp_path / "a.tmx", **EN_DE)()) == [Pair(1, "é", "ü")]


@pytest.mark.parametrize("encoding", ["utf-32", "utf-32-be"])
def test_a_memory_in_utf_32_is_named(tmp_path, encoding):
    text = ("\ufeff" if encoding != "utf-32" else "") + HEAD + unit("a", "b") + "</body></tmx>"
    (tmp_path / "a.tmx").write_bytes(text.encode(encoding))
    with pytest.raises(UserError, match=r"a\.tmx is UTF-32 text.*iconv -f UTF-32"):
        list(Tmx(tmp_path / "a.tmx", **EN_DE)())


def test_an_encoding_of_several_bytes_a_character_is_to_be_converted(tmp_path):
    text = HEAD.replace("UTF-8", "Shift_JIS") + unit("a", "ｂ") + "</body></tmx>"
    (tmp_path / "a.tmx").write_bytes(text.encode("shift_jis"))
    with pytest.raises(UserError, match=r"line 1: multi-byte encodings are not supported.*Convert the file to UTF-8"):
        list(Tmx(tmp_path / "a.tmx", **EN_DE)())


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("\n<tu><tuv xml:lang='en'><seg>a</tuv></tu>", 2, "the XML is broken: mismatched tag, within <seg>"),
        ("\n\n<tu><tuv xml:lang='en'><seg>a & b</seg></tuv></tu>", 3, "not well-formed (invalid token), within <seg>"),
        ("\n<tu><tuv xml:lang='en'><seg>a &nosuch; b</seg></tuv></tu>", 2, "undefined entity"),
        ("\n<tu><tuv><seg>a</seg></tuv></tu>", 2, "a <tuv> does not say its language"),
        ("\n<tu><tuv xml:lang='en'></tuv></tu>", 2, "a <tuv> of 'en' has no <seg>"),
        ("\n<tu><tuv xml:lang='en'><seg>a</seg><seg>b</seg></tuv></tu>", 2, "a second <seg>"),
        ("\n<tu><seg>a</seg></tu>", 2, "a <seg> stands outside of a <tuv>"),
        ("\n<tuv xml:lang='en'><seg>a</seg></tuv>", 2, "a <tuv> stands outside of a <tu>"),
        ("\n<tu><tuv xml:lang='en'><tuv xml:lang='de'/></tuv></tu>", 2, "a <tuv> stands within a <tuv>"),
        ("\n<tu>\n<tu></tu></tu>", 3, "a <tu> stands within a <tu>"),
        ("\n<tu><tuv xml:lang='en'><seg><tuv/></seg></tuv></tu>", 2, "a <tuv> stands within a <seg>"),
    ],
)
def test_a_broken_element_comes_after_what_is_whole_and_says_what_is_wrong(tmp_path, text, line, message):
    path, read = write(tmp_path / "a.tmx", f"{HEAD}{unit('a', 'b')[:-1]}{text}</body></tmx>"), []
    with pytest.raises(UserError) as refused:
        for pair in Tmx(path, **EN_DE)():
            read.append(pair)
    assert f"a.tmx, line {line}: " in refused.value.message
    assert message in refused.value.message
    assert "Mend the element, or delete its whole <tu>" in refused.value.hint
    assert read == [Pair(1, "a", "b")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            f"{HEAD}{unit('a', 'b')}<tu><tuv xml:lang='en'><seg>a",
            r"line 2: the XML is broken: the file ends within <seg>",
        ),
        (
            '<?xml version="1.0"?><xliff/>',
            "the outermost element is <xliff>, and that of a translation memory is <tmx>",
        ),
        ('<?xml version="1.0" encoding="EBCDIC-X"?><tmx/>', "line 1: unknown encoding"),
        (f"{HEAD}</body></tmx>", "holds no translation units"),
        (f"{HEAD}{unit('a', 'b')}</body></tmx><tmx/>", "line 2: the XML is broken: junk after document element"),
        (
            '<?xml version="1.0"?><!DOCTYPE tmx SYSTEM "t.dtd">'
            + HEAD[38:]
            + unit("a &nosuch;", "b")
            + "</body></tmx>",
            "line 1: the entity &nosuch; is not defined",
        ),
    ],
)
def test_a_file_that_is_no_whole_translation_memory_is_refused(tmp_path, text, message):
    with pytest.raises(UserError) as refused:
        read_tmx(tmp_path, text)
    assert message in refused.value.message
    assert refused.value.hint


def test_packed_data_without_its_suffix_is_named(tmp_path):
    (tmp_path / "a.tmx").write_bytes(gzip.compress(b"<tmx/>"))
    with pytest.raises(UserError, match=r"a\.tmx is gzip data.*end in '\.gz'"):
        list(Tmx(tmp_path / "a.tmx", **EN_DE)())


def test_entities_that_a_file_declares_are_refused_before_they_unfold(tmp_path):
    laughs = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(12))
    bomb = (
        f'<?xml version="1.0"?>\n<!DOCTYPE tmx [<!ENTITY a0 "ha">{laughs}]>{HEAD[38:]}{unit("&a12;", "b")}</body></tmx>'
    )
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match=r"line 2: the file declares an entity, 'a0'"):
            read_tmx(tmp_path, bomb)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
    outside = (
        f'<?xml version="1.0"?><!DOCTYPE tmx [<!ENTITY x SYSTEM "a.tmx">]>{HEAD[38:]}{unit("&x;", "b")}</body></tmx>'
    )
    with pytest.raises(UserError, match="declares an entity, 'x'"):
        read_tmx(tmp_path, outside)


def test_one_language_twice_is_refused(tmp_path):
    with pytest.raises(UserError, match="Both languages"):
        read_tmx(tmp_path, unit("a", "b"), source_language="en_GB", target_language="EN-gb")


@pytest.mark.parametrize(
    ("header", "codes", "found"),
    [
        ('srclang="en"', ("en", "de"), ["en", "de"]),
        ('srclang="de"', ("en", "de-AT"), ["de-AT", "en"]),
        ('srclang="*all*"', ("en", "de"), ["en", "de"]),
        ("", ("en", "de"), ["en", "de"]),
    ],
)
def test_the_languages_of_a_memory_are_told_source_first(tmp_path, header, codes, found):
    text = HEAD.replace('srclang="en"', header) + unit("a", "b", codes) * 3 + "</body></tmx>"
    assert tmx_reader.languages_of(write(tmp_path / "a.tmx", text)) == found


def test_a_long_memory_is_read_as_it_is_asked_for(tmp_path):
    path = write(tmp_path / "a.tmx", HEAD + unit("a", "b") * 5000 + "<broken")
    assert len(list(islice(Tmx(path, **EN_DE)(), 100))) == 100


# --- hub


def give(monkeypatch, load, config=None):
    """Lets `load` stand for the hub, and `config` for how the library would read what is there."""
    import datasets

    monkeypatch.setattr(datasets, "load_dataset", load)
    monkeypatch.setattr(datasets, "load_dataset_builder", lambda name: SimpleNamespace(config=config))


def test_hub_reads_the_multi30k_layout_by_any_name_of_a_split(tmp_path):
    for name in ("train", "val", "test"):
        write_json_lines(tmp_path / f"{name}.jsonl", [{"en": f"{name} {n}", "de": f"{name}{n}"} for n in range(1500)])
    for split, name in {"train": "train", "validation": "val", "dev": "val", "test": "test"}.items():
        pairs = list(Hub("x/y", split, source_language="de", target_language="en", folder=tmp_path)())
        assert pairs == [Pair(n + 1, f"{name}{n}", f"{name} {n}") for n in range(1500)]


def test_hub_reads_nested_translations_and_counts_missing_ones_as_empty(tmp_path):
    rows = [{"id": 1, "translation": {"en": "a", "fr": "b"}}, {"id": 2, "translation": {"en": "c", "fr": None}}]
    write_json_lines(tmp_path / "train.jsonl", rows)
    reader = Hub("x/y", "train", source_language="fr", target_language="en", folder=tmp_path)
    assert list(reader()) == [Pair(1, "b", "a"), Pair(2, "", "c")]


def test_hub_is_not_led_astray_by_a_table_beside_its_files(tmp_path):
    write_json_lines(tmp_path / "data" / "train.jsonl", [{"en": "NA", "de": "a"}])
    for path in ("docs/table.csv", ".cache/t.csv", "notes.csv"):
        write(tmp_path / path, "a,b\n1,2\n")
    assert list(Hub("x/y", "train", folder=tmp_path, **EN_DE)()) == [Pair(1, "NA", "a")]


@pytest.mark.parametrize("name", ["train.csv", "data/train-00000-of-00001.csv.gz", "train.csv.bz2", "train.csv.xz"])
def test_hub_reads_what_tables_call_missing_as_words(tmp_path, name):
    write(tmp_path / name, 'en,de\nNA,None\nnull,nan\n"a ""b"", c",\n')
    pairs = [Pair(1, "NA", "None"), Pair(2, "null", "nan"), Pair(3, 'a "b", c', "")]
    assert list(Hub("x/y", "train", folder=tmp_path, **EN_DE)()) == pairs


@pytest.mark.parametrize("name", ["train.tsv", "data/train.tsv.gz"])
def test_hub_takes_quotation_marks_between_tabs_as_they_are(tmp_path, name):
    write(tmp_path / name, 'en\tde\n"He left\tEr ging\n"Yes," he said.\tNA\n')
    pairs = [Pair(1, '"He left', "Er ging"), Pair(2, '"Yes," he said.', "NA")]
    assert list(Hub("x/y", "train", folder=tmp_path, **EN_DE)()) == pairs


@pytest.mark.parametrize("row", [{"en": "a", "ger": "b"}, {"translation": {"en": "a", "ger": "b"}}])
def test_hub_names_the_columns_found(tmp_path, row):
    write_json_lines(tmp_path / "train.jsonl", [row])
    with pytest.raises(UserError, match="no column 'de'; its columns are: en, ger"):
        list(Hub("x/y", "train", source_language="en", target_language="de", folder=tmp_path)())


def test_hub_refuses_what_is_not_text(tmp_path):
    write_json_lines(tmp_path / "train.jsonl", [{"en": "a", "de": 3}])
    with pytest.raises(UserError, match="row 1: 3 is not text"):
        list(Hub("x/y", "train", source_language="en", target_language="de", folder=tmp_path)())


def test_hub_folder_without_the_split_or_without_data(tmp_path):
    write_json_lines(tmp_path / "full" / "train.jsonl", [{"en": "a", "de": "b"}])
    (tmp_path / "bare").mkdir()
    languages = {"source_language": "en", "target_language": "de"}
    with pytest.raises(UserError, match=r"cannot give the split 'test'.*train"):
        list(Hub("x/y", "test", folder=tmp_path / "full", **languages)())
    with pytest.raises(UserError, match="bare holds no such data"):
        list(Hub("x/y", "test", folder=tmp_path / "bare", **languages)())
    with pytest.raises(UserError, match=r"no folder .*nowhere.*--data"):
        list(Hub("x/y", "test", folder=tmp_path / "nowhere", **languages)())


def test_hub_damaged_file_says_where_reading_stopped(tmp_path):
    (tmp_path / "train.jsonl").write_text('{"en": "a", "de": "b"}\n{"en": "a", "de\n', "utf-8")
    with pytest.raises(UserError, match=r"cannot be read|could not be opened"):
        list(Hub("x/y", "train", source_language="en", target_language="de", folder=tmp_path)())


def test_hub_out_of_reach_says_how_to_give_a_folder(monkeypatch):
    import datasets

    def unreachable(name):
        assert name == "x/y"
        raise ConnectionError("no route")

    monkeypatch.setattr(datasets, "load_dataset_builder", unreachable)
    with pytest.raises(UserError, match=r"'x/y' could not be opened: no route.*--data FOLDER"):
        list(Hub("x/y", "dev", source_language="en", target_language="de")())


def test_hub_blames_the_split_only_where_the_library_does(monkeypatch, tmp_path):
    import datasets

    def ambiguous(name):
        raise ValueError("Config name is missing. Please pick one among: ['cs-en', 'de-en']")

    monkeypatch.setattr(datasets, "load_dataset_builder", ambiguous)
    with pytest.raises(UserError, match=r"'x/y' could not be opened: Config name is missing.*--data FOLDER"):
        list(Hub("x/y", "test", source_language="en", target_language="de")())
    with pytest.raises(UserError, match=r"could not be opened: Config name is missing.*Check the files"):
        list(Hub("x/y", "test", source_language="en", target_language="de", folder=tmp_path)())


def test_hub_names_its_splits(monkeypatch, tmp_path):
    for name in ("train", "val"):
        write_json_lines(tmp_path / "data" / f"{name}.jsonl", [{"en": "a", "de": "b"}])
    languages = {"source_language": "en", "target_language": "de"}
    assert sorted(Hub("x/y", "test", folder=tmp_path, **languages).splits()) == ["train", "validation"]
    give(monkeypatch, lambda name: {"train": None, "test": None})
    assert Hub("x/y", "train", **languages).splits() == ["train", "test"]
    monkeypatch.undo()
    with pytest.raises(UserError, match=r"no folder .*nowhere"):
        Hub("x/y", "test", folder=tmp_path / "nowhere", **languages).splits()


def test_hub_dataset_that_is_not_there_says_so(monkeypatch):
    import datasets

    def missing(name):
        raise datasets.exceptions.DatasetNotFoundError("Dataset 'x/y' doesn't exist on the Hub")

    monkeypatch.setattr(datasets, "load_dataset_builder", missing)
    with pytest.raises(UserError, match=r"doesn't exist.*--data FOLDER"):
        list(Hub("x/y", "test", source_language="en", target_language="de")())


def test_hub_without_a_folder_reads_what_the_library_gives(monkeypatch):
    import datasets

    table = datasets.Dataset.from_dict({"en": ["a", "b"], "de": ["c", "d"]})
    give(monkeypatch, lambda name, *, split: table)
    reader = Hub("x/y", "test", source_language="en", target_language="de")
    assert list(reader()) == [Pair(1, "a", "c"), Pair(2, "b", "d")]


AS_WORDS = {"keep_default_na": False, "na_values": [""]}
COMMAS = SimpleNamespace(sep=",", keep_default_na=True)


@pytest.mark.parametrize(("sep", "quoting"), [(",", {}), ("\t", {"quoting": csv.QUOTE_NONE})])
def test_hub_reads_a_table_of_the_hub_as_one_of_a_folder(monkeypatch, sep, quoting):
    asked = []

    def load(name, **options):
        asked.append(options)
        return {}

    give(monkeypatch, load, SimpleNamespace(sep=sep, keep_default_na=True))
    Hub("x/y", "train", **EN_DE).splits()
    assert asked == [{**AS_WORDS, **quoting}]


def test_hub_reads_a_table_with_an_empty_number_far_down(monkeypatch, tmp_path):
    """The library reads such a table in pieces, and takes the kind of a column from the first."""
    import datasets

    rows = "".join(f"a{n},b{n},{'' if n == 15_000 else n}\n" for n in range(20_000))
    write(tmp_path / "train.csv", "en,de,score\n" + rows)
    whole = datasets.load_dataset
    kept = {"split": "train", "cache_dir": str(tmp_path / "cache")}
    give(monkeypatch, lambda name, *, split, **options: whole(str(tmp_path), **options, **kept), COMMAS)
    pairs = list(Hub("x/y", "train", **EN_DE)())
    assert (len(pairs), pairs[15_000][1:]) == (20_000, ("a15000", "b15000"))


@pytest.mark.parametrize("kept", [AS_WORDS, {**AS_WORDS, "quoting": csv.QUOTE_NONE}])
def test_hub_out_of_reach_finds_a_table_in_the_cache_as_it_was_read(monkeypatch, kept):
    import datasets

    def cached(name, **options):
        if options != kept:
            raise ValueError("Couldn't find cache for x/y")

    give(monkeypatch, lambda name, **options: options)
    monkeypatch.setattr(datasets, "load_dataset_builder", cached)
    assert Hub("x/y", "train", **EN_DE).splits() == list(kept)


def test_hub_out_of_reach_without_a_copy_says_so(monkeypatch):
    import datasets

    def empty(name, **options):
        raise ValueError("Couldn't find cache for x/y")

    monkeypatch.setattr(datasets, "load_dataset_builder", empty)
    with pytest.raises(UserError, match=r"'x/y' could not be opened: Couldn't find cache.*--data FOLDER"):
        Hub("x/y", "train", **EN_DE).splits()


def test_hub_without_the_library_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UserError, match=r'pip install "seq2seq\[train\]"'):
        list(Hub("x/y", "test", source_language="en", target_language="de", folder=tmp_path)())
