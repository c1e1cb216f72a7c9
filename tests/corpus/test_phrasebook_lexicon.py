"""The lexicon's files: what ships is complete and consistent, and every kind of wrong row is refused by name."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from seq2seq.corpus.phrasebook.lexicon import lexicon, read_lexicon
from seq2seq.errors import UserError
from seq2seq.resources import shipped


def test_the_lexicon_has_at_least_700_entries_of_every_part_of_speech():
    words = lexicon()
    assert len(words) >= 700
    assert len(words) == sum(
        len(path.read_text(encoding="utf-8").splitlines()) - 1 for path in shipped("vocab").glob("*.tsv")
    )
    assert all(len(getattr(words, part)) > 0 for part in words.__slots__)


def test_no_french_word_with_an_aspirated_h_lacks_its_asterisk_and_no_other_has_one():
    aspirated = ("héros", "haine", "haricot", "homard", "hache", "hibou", "hamster", "hérisson", "harpe")
    aspirated += ("hockey", "hutte", "haut", "huit", "onze")
    texts = [w.french for n in (lexicon().nouns, lexicon().numbers) for w in n]
    texts += [form for adjective in lexicon().adjectives for form in adjective.forms]
    for text in texts:
        stem = text.lstrip("*")
        if stem[0] == "h" or stem == "onze":
            assert text.startswith("*") == any(stem.startswith(word) for word in aspirated), text
        else:
            assert not text.startswith("*"), text


def test_plurals_and_feminines_follow_the_rules_of_french_or_are_known_exceptions():
    irregular = {"appareil photo", "pomme de terre", "salle de bains", "bande dessinée", "carte postale"}
    irregular |= {"grand-mère", "grand-père"}
    for noun in lexicon().nouns:
        if not noun.french_plural or noun.french in irregular:
            continue
        if noun.french[-1] in "sxz":
            expected = noun.french
        elif noun.french.endswith(("eau", "eu")) or noun.french in ("chou", "*hibou"):
            expected = noun.french + "x"
        elif noun.french.endswith("al"):
            expected = noun.french[:-2] + "aux"
        else:
            expected = noun.french + "s"
        assert noun.french_plural == expected


def test_present_tenses_end_as_french_verbs_do():
    for verb in lexicon().verbs:
        je, tu, il, nous, vous, ils = verb.present
        assert tu[-1] in "sx"
        assert ils.endswith("nt")
        assert nous == "sommes" or nous.endswith("ons")
        assert vous in ("êtes", "dites") or vous.endswith("ez")
        if verb.french.endswith("er") and verb.french != "aller":
            assert (je, tu, il) == (je, je + "s", je)
            assert verb.french_participle == verb.french[:-2] + "é"
            assert je[-1] == "e"


@pytest.fixture
def vocab(tmp_path: Path) -> Path:
    return Path(shutil.copytree(shipped("vocab"), tmp_path / "vocab"))


def change(path: Path, line: int, column: str, value: str) -> None:
    lines = path.read_text(encoding="utf-8").split("\n")
    cells = lines[line - 1].split("\t")
    cells[lines[0].split("\t").index(column)] = value
    lines[line - 1] = "\t".join(cells)
    path.write_text("\n".join(lines), encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "line", "column", "value", "expected"),
    [
        ("nouns.tsv", 3, "gender", "x", "one of m, f"),
        ("nouns.tsv", 2, "plural", "milks", "a plural in both languages or in neither"),
        ("nouns.tsv", 4, "kinds", "-", "at least one kind"),
        ("nouns.tsv", 4, "kinds", "drink,,food", "names separated by commas"),
        ("nouns.tsv", 5, "french", "-", "a word"),
        ("nouns.tsv", 5, "french", "", "text without spaces around it"),
        ("nouns.tsv", 5, "french", " thé", "text without spaces around it"),
        ("nouns.tsv", 6, "english", "milk", "a word that line 2 does not have already"),
        ("adjectives.tsv", 2, "position", "left", "one of before, after, predicate"),
        ("adjectives.tsv", 2, "kinds", "unicorn", "names among"),
        ("adjectives.tsv", 2, "comparative", "-", "a form for both"),
        ("adjectives.tsv", 7, "better", "meilleur,meilleure", "four forms"),
        ("verbs.tsv", 7, "auxiliary", "have", "one of avoir, être"),
        ("verbs.tsv", 7, "future", "boire", "a stem that ends in r"),
        ("verbs.tsv", 7, "uses", "fly", "names among"),
        ("verbs.tsv", 7, "objects", "unicorn", "names among"),
        ("verbs.tsv", 7, "participle", "-", "a word"),
        ("verbs.tsv", 2, "imperfect", "-", "does not end in -ons"),
        ("verbs.tsv", 7, "french", "se boire", "être, as the verb is reflexive"),
        ("places.tsv", 2, "kinds", "moon", "one of country"),
        ("times.tsv", 2, "uses", "never", "names among"),
        ("numbers.tsv", 4, "value", "two", "a whole number"),
        ("names.tsv", 2, "gender", "n", "one of m, f"),
    ],
)
def test_a_wrong_cell_is_refused_with_file_line_column_value_and_what_is_expected(
    vocab: Path, file: str, line: int, column: str, value: str, expected: str
):
    change(vocab / file, line, column, value)
    with pytest.raises(UserError) as error:
        read_lexicon(vocab)
    message = error.value.message
    assert f"{file}, line {line}, column" in message
    assert expected in message
    assert "found " in message


def test_a_missing_file_a_wrong_header_and_a_short_row_are_refused(vocab: Path):
    nouns = vocab / "nouns.tsv"
    good = nouns.read_text(encoding="utf-8")
    nouns.write_text(good.replace("kinds", "sorts", 1), encoding="utf-8")
    with pytest.raises(UserError, match=r"nouns\.tsv, line 1: found the columns .*sorts.*expected .*kinds"):
        read_lexicon(vocab)
    nouns.write_text(good.replace("\tdrink\n", "\n", 1), encoding="utf-8")
    with pytest.raises(UserError, match=r"nouns\.tsv, line 2: found 5 cells, expected 6"):
        read_lexicon(vocab)
    nouns.unlink()
    with pytest.raises(UserError, match=r"lacks its file nouns\.tsv"):
        read_lexicon(vocab)


def test_a_sound_copy_reads_as_the_shipped_one(vocab: Path):
    assert len(read_lexicon(vocab)) == len(lexicon())
