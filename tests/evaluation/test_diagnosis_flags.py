"""Each flag on made-up sentences: those it must accuse, and those it must leave in peace."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.evaluation.diagnosis.copies import longest_run
from seq2seq.evaluation.diagnosis.diagnose import FLAGS, diagnose
from seq2seq.evaluation.diagnosis.evidence import gather
from seq2seq.evaluation.diagnosis.line import Line
from seq2seq.evaluation.diagnosis.number_phrases import without_phrases
from seq2seq.evaluation.diagnosis.number_words import excusing, sure
from seq2seq.evaluation.diagnosis.words import is_as_long, tokens, words
from seq2seq.evaluation.worst import scored

NAMES = [flag.name for flag in FLAGS]


def found(source, output, reference, *, languages=("en", "de"), training=None, whole=True, others=()):
    """The flags of one sentence with their details; `others` are pairs of the same test set."""
    lines = [Line(1, source, output, reference)]
    lines += [Line(n, left, right, right) for n, (left, right) in enumerate(others, start=2)]
    evidence = gather(lines, training, languages=languages, whole=whole)
    said = {flag.name: list(flag.find(lines[0], evidence)) for flag in FLAGS}
    return {name: details for name, details in said.items() if details}


# --- numbers


@pytest.mark.parametrize(
    ("source", "output", "reference", "lost", "invented"),
    [
        ("room 17", "Raum 71", "Raum 17", ["17"], ["71"]),
        ("in 1999 and 2004", "im Jahr 1999", "in 1999 und 2004", ["2004"], []),
        ("two dogs and 3 cats", "drei Hunde und 3 Katzen", "zwei Hunde und drei Katzen", ["two"], []),
        ("seven dogs", "fünf Hunde", "sieben Hunde", ["seven"], ["fünf"]),
        ("twenty-one birds", "Vögel", "einundzwanzig Vögel", ["twenty-one"], []),
        ("some dogs", "dreizehn Hunde", "einige Hunde", [], ["dreizehn"]),
        ("some dogs", "dreißig Hunde", "einige Hunde", [], ["dreissig"]),
        # Numbers of several words explain nothing where the reference has the same.
        ("5 million in 1999", "5 Millionen 1998", "5 Millionen 1999", ["1999"], ["1998"]),
        ("two hundred and 7 dogs", "zweihundert und 8 Hunde", "zweihundert und 7 Hunde", ["7"], ["8"]),
        ("in the 19th century", "im 18. Jahrhundert", "im neunzehnten Jh.", [], ["18"]),
        ("between two and three", "zwischen zwei und vier", "zwischen zwei und drei", ["three"], ["vier"]),
        ("a twenty-five-year-old", "ein Hund", "mit fünfundzwanzig", ["twenty-five"], []),
        # A decimal point that is lost, invented or moved.
        ("3.5 percent", "35 Prozent", "3,5 Prozent", ["3.5"], ["35"]),
        ("35 percent", "3,5 Prozent", "35 Prozent", ["35"], ["3,5"]),
        ("1,000.50 francs", "100.050 Franken", "1.000,50 Franken", ["1,000.50"], ["100.050"]),
    ],
)
def test_numbers_lost_and_invented(source, output, reference, lost, invented):
    said = found(source, output, reference)
    assert said.get("numbers lost", []) == lost
    assert said.get("numbers invented", []) == invented


@pytest.mark.parametrize(
    ("source", "output", "reference"),
    [
        ("it costs 1,000.50 francs", "es kostet 1.000,50 Franken", "es kostet 1 000,50 Franken"),
        ("it costs 1,000.50 francs", "es kostet 1000,50 Franken", "es kostet 1.000,50 Franken"),
        ("1,234,567 men", "1234567 Männer", "1.234.567 Männer"),
        ("1,00,000 men", "100.000 Männer", "100000 Männer"),
        ("3.5 percent", "3,5 Prozent", "3,5 %"),
        ("at 2:30", "um 2 Uhr 30", "um 2.30 Uhr"),
        ("7 boats", "sieben Boote", "7 Boote"),
        ("seven boats", "7 Boote", "sieben Boote"),
        ("a couple of dogs", "zwei Hunde", "ein paar Hunde"),
        ("two dogs", "beide Hunde", "zwei Hunde"),
        ("one dog", "ein Hund", "ein Hund"),
        ("9 p.m.", "21 Uhr", "21 Uhr"),  # the reference says that it can be put so
        ("two dogs", "Hunde", "Hunde"),  # and that it can be left out
        ("agent 007", "Agent 7", "Agent 007"),
        ("30 men", "dreißig Männer", "30 Männer"),
        ("31 men", "EINUNDDREISSIG Männer", "31 Männer"),
        ("1,000 men", "tausend Männer", "1.000 Männer"),
        ("two hundred men", "200 Männer", "zweihundert Männer"),
        ("1.5 million men", "1.500.000 Männer", "1,5 Millionen Männer"),
        ("1,500,000 men", "1,5 Mio. Männer", "1.500.000 Männer"),
        ("a twenty-five-year-old", "ein 25-jähriger", "ein fünfundzwanzigjähriger"),
        ("a 25-year-old", "ein fünfundzwanzigjähriger", "ein 25-jähriger"),
        ("an 18-year-old", "ein Achtzehnjähriger", "ein 18-Jähriger"),
    ],
)
def test_numbers_that_are_only_written_otherwise(source, output, reference):
    assert not {"numbers lost", "numbers invented"} & found(source, output, reference).keys()


@pytest.mark.parametrize(
    ("languages", "source", "output", "reference"),
    [
        (("de", "en"), "zweihundert Leute", "200 people", "two hundred people"),
        (("de", "en"), "200 Leute", "two hundred people", "200 people"),
        (("de", "en"), "120 Leute", "one hundred and twenty people", "120 people"),
        (("de", "en"), "45 Leute", "forty five people", "45 people"),
        (("de", "en"), "1999 war es", "it was nineteen ninety-nine", "it was 1999"),
        (("fr", "en"), "deux cents personnes", "200 people", "two hundred people"),
        (("en", "fr"), "21 people", "vingt et un personnes", "21 personnes"),
        (("en", "fr"), "1000 people", "mille personnes", "1000 personnes"),
        (("ru", "en"), "двести человек", "200 people", "two hundred people"),
    ],
)
def test_numbers_of_several_words(languages, source, output, reference):
    assert not {"numbers lost", "numbers invented"} & found(source, output, reference, languages=languages).keys()


def test_digits_count_in_any_language_and_script():
    assert found("raam 12", "pencere 21", "pencere 12", languages=("xx", "tr"))["numbers lost"] == ["12"]
    assert "numbers lost" not in found("النص ١٢", "text 12", "text 12", languages=("ar", "en"))
    assert found("dreißig Männer", "men", "thirty men", languages=("de", "en"))["numbers lost"] == ["dreissig"]
    assert found("la pièce 4", "room 5", "room 4", languages=("fr", "en"))["numbers invented"] == ["5"]
    # "neuf" is nine and new, so it accuses nobody, and excuses.
    assert found("nine new cars", "neuf voitures", "neuf voitures neuves", languages=("en", "fr")) == {}
    assert found("nine cars", "neuf voitures", "9 voitures", languages=("en", "fr")) == {}


def test_words_of_numbers_are_written_as_the_languages_write_them():
    assert sure("de")["siebenundvierzig"] == "47"
    assert sure("de-CH")["einundzwanzig"] == "21"
    assert sure("en")["ninety-nine"] == "99"
    assert [sure("fr")[w] for w in ("vingt-et-un", "soixante-dix-sept", "quatre-vingt-dix-neuf")] == ["21", "77", "99"]
    assert len({int(value) for value in sure("fr").values()}) == len(set(range(100)) - {0, 1, 9})
    assert not sure("xx")
    assert excusing("de")["ein"] == {"1"}
    assert set(sure("en")) <= set(excusing("en"))
    for language in ("en", "de", "fr"):
        known = {*sure(language), *excusing(language)}
        assert known == {word.casefold() for word in known}  # as the text is in which they are looked up


@pytest.mark.parametrize(
    ("language", "text", "phrases"),
    [
        ("en", "two hundred and twenty-one dogs and three cats", {"two hundred and twenty-one"}),
        ("en", "forty five, or fifty-one", {"forty five"}),
        ("en", "twenty and thirty, one and two", set()),
        ("de", "zweihundert im jahrhundert, einundzwanzig", {"zweihundert"}),
        ("de-CH", "im zwanzigsten jahr", {"zwanzigsten"}),
        ("fr", "vingt et une, vingt et trente, dix-sept", {"vingt et une"}),
        ("fr", "dix pour cent de deux cents", {"deux cents"}),
        ("xx", "two hundred", set()),
        ("", "two hundred", set()),
    ],
)
def test_which_words_say_a_number_together(language, text, phrases):
    assert without_phrases(text, language)[1] == phrases


# --- names


def test_a_name_that_is_lost_and_another_in_its_place():
    others = [("Boris meets Anna", "Boris trifft Anna"), ("Zora sings", "Zora singt")]
    assert found("Anna sleeps", "Zora schläft", "Anna schläft", others=others) == {
        "names lost": ["Anna"],
        "names invented": ["Zora"],
    }


def test_what_is_no_name_or_no_loss():
    others = [("he is in the house in winter", "er ist im Winter in dem Haus")]
    # A common word with a capital at the beginning of both; a noun that German writes with a capital.
    assert found("In winter", "Im Sommer", "In Winter", others=others) == {}
    # An ending, another case.
    assert found("Anna's dog", "Annas Hund", "Anna ihr Hund") == {}
    assert found("he lives in Oslo", "er wohnt in OSLO", "er wohnt in Oslo") == {}
    # The other language has its own name for it.
    assert found("he lives in Rome", "er wohnt in Paris", "er wohnt in Rom") == {}


def test_the_training_text_knows_names_and_what_is_none():
    training = [("Zora sings", "Zora singt"), ("a hat", "ein Hut"), ("Notre Dame", "Notre Dame")]
    training += [("a lady", "eine Dame")] * 5
    said = found("Anna sees the hat", "Zora sieht die Dame", "Anna sieht den Hut", training=training)
    assert said == {"names lost": ["Anna"], "names invented": ["Zora"]}
    assert "names lost" not in found("Hat Hat", "Mütze", "Hat Hat", training=[("a hat", "ein Hut")])


# --- repetitions


@pytest.mark.parametrize(
    ("output", "detail"),
    [
        ("der rote rote Hund", "rote"),
        ("er läuft über das Feld über das Feld", "über das feld"),
        ("die die die Katze", "die"),
        ("vor dem Haus sitzt er vor dem Haus", "vor dem haus"),
        ("ein Blablablabla", "Blablablabla"),
        ("ein Nooooooo", "Nooooooo"),
        ("天天天天气", "天"),
        ("他是一个他是一个好人", "他是一个"),
        ("研究研究研究", "研究"),
        ("他说他每天早上都去学校，因为他每天早上都去学校", "他每天早上都去学"),
    ],
)
def test_repetitions(output, detail):
    assert found("he runs there", output, "er rennt dort", others=[("x", "y")])["repetition"] == [detail]


@pytest.mark.parametrize(
    ("source", "output", "reference"),
    [
        ("very very good", "sehr gut gut", "sehr sehr gut"),  # the source does so
        ("the women who help", "die Frauen, die die Kinder sehen", "Frauen, die helfen"),  # German does so
        ("so it goes", "weiter und weiter und weiter", "weiter und weiter und weiter"),  # the reference does so
        ("in a red hat, in a red coat", "in einem roten Hut, in einem roten Kleid", "roter Hut, roter Mantel"),
        ("no, no, no", "nein, nein, nein", "nein"),
        ("I have 100,000 dollars", "Ich habe 100000 Dollar", "Ich habe 100.000 Dollar"),  # and so do digits
        ("one million", "1000000", "eine Million"),
        # Three characters of a script without spaces are no phrase, and two that come twice no slip.
        ("I am a student and he is a teacher.", "私は学生です、彼は先生です。", "私は学生で、彼は教師です。"),
        ("he invests in education and research", "เขาลงทุนในการศึกษาและการวิจัย", "เขาลงทุนในการศึกษาและวิจัย"),
        ("let us talk about it", "我们商量商量", "我们谈谈"),
        ("很好很好", "very good very good", "very good"),
        ("北京大学在北京", "the city of Peking is in the city of Peking", "Peking University is there"),
    ],
)
def test_what_may_be_said_again(source, output, reference):
    assert "repetition" not in found(source, output, reference)


# --- lengths


def test_too_short_and_too_long():
    six = ("one two three four five six", "a b c d e f")
    assert found(six[0], "a b", six[1], languages=("", ""))["too short"] == ["2 words for 6"]
    assert found(six[0], "a", six[1], languages=("", ""))["too short"] == ["1 word for 6"]
    assert found(six[0], "", six[1], languages=("", ""))["too short"] == ["nothing for 6 words"]
    assert found(six[0], "a b c d e f g h i j k", six[1], languages=("", ""))["too long"] == ["11 words for 6"]
    assert found(six[0], "a b c d", six[1], languages=("", "")) == {}
    assert found("two words", "a", "a b", languages=("", "")) == {}  # of two words, one is no proof
    assert found(" ", "", six[1], languages=("", ""), others=[six]) == {}  # there is nothing to translate
    assert found("…", "", six[1], languages=("", ""), others=[six]) == {}


def test_a_source_lets_expect_what_the_test_set_usually_makes_of_it():
    third = [("a b c d e f g h i j k l", "p q r s")] * 5  # a word of the reference for three of the source
    nine = "a b c d e f g h i"
    assert found("a b c d e f g h i j k l", "p q r s", nine, languages=("", ""), others=third) == {}
    said = found("a b c d e f", "p q r s t u", "v w", languages=("", ""), others=third)
    assert said == {"too long": ["6 words for 2"]}


def test_a_free_reference_alone_proves_nothing():
    usual = [("p q r s", "p q r s")] * 5
    assert "too short" not in found("p q r", "x y z", "a b c d e f g h i", languages=("", ""), others=usual)
    assert "too long" not in found("p q r s t u v w", "a b c d e f g h", "a b c", languages=("", ""), others=usual)


# --- copies


def test_what_was_not_translated():
    assert found("the old house", "The old house", "das alte Haus")["copied"] == ["all of it"]
    said = found("he says that the old house burns", "er sagt that the old house", "er sagt, das alte Haus brennt")
    assert said["copied"] == ["that the old house"]
    training = [("a sponge", "ein Schwamm"), ("the hand", "die Hand")]
    assert found("with a sponge", "mit Sponge", "mit Schwamm", training=training)["copied"] == ["sponge"]
    # Where a part of the text was counted, the rest may have it.
    assert found("with a sponge", "mit Sponge", "mit Schwamm", training=training, whole=False) == {}


@given(*(st.lists(st.sampled_from("abc"), max_size=9) for _ in range(2)))
def test_the_longest_run_is_the_first_of_the_longest(source, output):
    runs = [output[i:j] for i in range(len(output)) for j in range(i + 1, len(output) + 1)]
    common = [run for run in runs if any(source[k : k + len(run)] == run for k in range(len(source)))]
    assert longest_run(source, output) == max(common, key=len, default=[])


def test_a_text_that_runs_in_circles_is_looked_at_too():
    many = ["ha"] * 900  # comparing run by run, each pair of words would have its own to walk: minutes
    assert longest_run(many, [*many, "x"]) == many
    assert longest_run(many * 2, many) == []  # a table of this size takes a while as well


def test_what_a_script_without_spaces_keeps():
    said = found("我们昨天在学校里看书了", "彼は昨天在学校里看书了", "彼は昨日学校で本を読んだ", languages=("zh", "ja"))
    assert said["copied"] == ["昨天在学校里看书了"]


def test_what_is_the_same_in_both_languages():
    assert found("Anna Maria", "Anna Maria", "Anna Maria") == {}
    assert found("12 : 30", "12 : 30", "12.30 Uhr") == {}
    training = [("the hand", "die Hand")]
    assert "copied" not in found("my hand", "meine Hand", "meine Pfote", training=training)  # it is German too
    assert "copied" not in found("他在北京大学", "彼は北京大学にいる", "彼は北大にいる", languages=("zh", "ja"))
    assert "copied" not in found("a sponge", "ein Sponge", "ein Schwamm")  # nobody knows what German has
    assert "copied" not in found(
        "he sings Happy Birthday to You", "Happy Birthday to You", "singt Happy Birthday to You"
    )


# --- all of them


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=25), st.text(max_size=25), st.text(max_size=25))
def test_any_text_can_be_diagnosed_and_a_perfect_output_is_never_accused(source, output, reference):
    sentences = scored([source, source], [output, reference], [reference, reference])
    said = diagnose(sentences, [(source, reference)], languages=("en", "de"))
    assert {finding.flag for finding in said.findings} <= set(NAMES)
    assert not [finding for finding in said.findings if finding.line == 2]


@given(st.text(max_size=40))
def test_tokens_are_the_text_without_its_spaces(text):
    assert "".join(tokens(text)) == "".join(text.split())


def test_words_of_several_scripts():
    assert words("L'homme n'a pas 3,5 T-shirts.") == ["L", "homme", "n", "a", "pas", "3", "5", "T", "shirts"]
    assert words("今日は。 हिन्दी") == ["今", "日", "は", "हिन्दी"]
    assert words("e\u0301te\u0301 ที่") == ["e\u0301te\u0301", "ที่"]
    assert tokens("«Ja»!") == ["«", "Ja", "»", "!"]


def test_eight_characters_without_spaces_are_as_long_as_a_few_words():
    assert is_as_long(["a", "b", "c"], 3)
    assert not is_as_long(["a", "b"], 3)
    assert is_as_long([*"我每天早上都去学"], 3)
    assert not is_as_long([*"我每天早上都去"], 4)
    assert is_as_long(["T-shirt", *"我每天早上都"], 4)
    assert not is_as_long(["T-shirt", *"我每天早上"], 4)
