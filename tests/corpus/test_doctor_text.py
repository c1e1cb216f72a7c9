"""Languages, mojibake, numbers, oddities and lengths, each on text damaged on purpose and on text that is right."""

from __future__ import annotations

import pytest
from damaged_corpora import diagnose, kinds, of_kind, phrases, sides
from hypothesis import given
from hypothesis import strategies as st

from seq2seq.corpus.doctor.examination import Severity
from seq2seq.corpus.doctor.function_words import FUNCTION_WORDS, NAMES
from seq2seq.corpus.doctor.languages import LANGUAGES, Languages
from seq2seq.corpus.doctor.lengths import LENGTH_EDGES, Lengths
from seq2seq.corpus.doctor.mojibake import Mojibake, repaired, traces
from seq2seq.corpus.doctor.numbers import Numbers, unmatched
from seq2seq.corpus.doctor.oddities import Oddities

# A few sentences of our own in each language, to be repeated into a text.
TEXTS = {
    "cs": "Včera jsem byl v lese a viděl jsem tam jelena. Proč jsi mi to neřekl, když jsem se tě na to ptal?",
    "de": "Gestern war ich mit dem Rad im Wald und es hat die ganze Zeit geregnet. Wir sind nicht lange geblieben.",
    "en": "Yesterday I was in the woods with my bike and it rained all the time. We did not stay there for long.",
    "es": "Ayer estuve en el bosque con la bicicleta y no paró de llover. Los niños se quedaron en casa con su abuela.",
    "fr": "Hier je suis allé dans la forêt à vélo et il a plu tout le temps. Nous ne sommes pas restés très longtemps.",
    "it": "Ieri sono andato nel bosco con la bici e ha piovuto per tutto il tempo. Non siamo rimasti a lungo.",
    "nl": "Gisteren was ik met de fiets in het bos en het regende de hele tijd. We zijn er niet lang gebleven.",
    "pl": "Wczoraj byłem w lesie na rowerze i cały czas padało. Nie wiem, czy się tam spotkaliśmy, ale to już po.",
    "pt": "Ontem fui ao bosque com a bicicleta e não parou de chover. As crianças ficaram em casa com os avós.",
    "ru": "Вчера я был в лесу на велосипеде, и всё время шёл дождь. Мы не остались там надолго, это было скучно.",
    "sv": "I går var jag i skogen med cykeln och det regnade hela tiden. Vi stannade inte så länge, för det var kallt.",
    "tr": "Dün bisikletle ormana gittim ve bütün gün yağmur yağdı. Bu kadar kötü bir hava için çok para verdik.",
    "vi": "Hôm qua tôi đi vào rừng với xe đạp và trời mưa suốt. Chúng tôi không ở lại lâu vì trời lạnh.",
}


def in_language(code, count=200):
    return [TEXTS[code]] * count


def languages(source, target, said):
    return diagnose(source, target, said=said, only=(Languages,))


@pytest.mark.parametrize("code", sorted(TEXTS))
def test_each_language_is_known_by_its_little_words(code):
    other = "en" if code != "en" else "de"
    right = languages(in_language(code), in_language(other), (code, other))
    assert right.findings == ()
    assert right.figures["languages"] == {"source": code, "target": other}
    said = "hu" if code != "ru" else "uk"
    wrong = languages(in_language(code), in_language(other), (said, other))
    if code == "ru":  # too close to tell from Ukrainian by so few words
        assert wrong.findings == ()
    else:
        message = of_kind(wrong, "source language").message
        assert message == f"The source looks like {NAMES[code]}, said to be Hungarian."


def test_swapped_sides():
    source, target = sides(500)
    found = of_kind(languages(target, source, ("en", "fr")), "swapped sides")
    assert found.severity is Severity.SERIOUS
    assert "the source is French and the target is English, said to be the other way round" in found.message
    assert languages(source, target, ("en-GB", "fr_CA")).findings == ()


@pytest.mark.parametrize("said", [("source", "target"), ("eu", "gd"), ("gl", "no"), ("", "")])
def test_no_alarm_where_a_language_is_not_known(said):
    source, target = in_language("pt"), in_language("sv")
    assert languages(source, target, said).findings == ()


def test_another_script_than_the_language_is_written_in():
    found = languages(in_language("en"), in_language("de"), ("en", "el"))
    assert of_kind(found, "target language").message == "The target looks like German, said to be 'el'."
    greek = ["Χθες ήμουν στο δάσος με το ποδήλατο και έβρεχε όλη την ώρα."] * 200
    assert languages(in_language("en"), greek, ("en", "el")).findings == ()
    assert "Greek letters" in of_kind(languages(in_language("en"), greek, ("en", "fr")), "target language").message
    # Serbian is written in two scripts.
    assert languages(in_language("en"), ["Јуче сам био у шуми и падала је киша."] * 200, ("en", "sr")).findings == ()


@pytest.mark.parametrize("said", [("en", "fr"), ("xx", "yy")])
def test_lines_that_were_not_translated(said):
    source, target = sides(5000)
    mixed = [source[n] if n % 12 == 0 else text for n, text in enumerate(target)]
    found = of_kind(languages(source, mixed, said), "untranslated target lines")
    assert found.severity is Severity.WARNING
    assert found.count == pytest.approx(5000 / 12, rel=0.2)
    assert all(example.line % 12 == 1 for example in found.examples)
    assert ("look like English" in found.message) == (said == ("en", "fr"))
    assert kinds(languages(source, mixed, said)) == {"untranslated target lines"}


def test_lines_in_the_other_sides_script():
    english = in_language("en", 300)
    chinese = ["昨天我骑车去树林，一直在下雨。我们没有待很久。", "我喜欢喝 Darjeeling 茶。"] * 150
    assert languages(english, chinese, ("en", "zh")).findings == ()
    for line in range(0, 300, 10):
        chinese[line] = english[line]
    found = of_kind(languages(english, chinese, ("en", "zh")), "untranslated target lines")
    assert (found.count, found.examples[0].line) == (30, 1)


@pytest.mark.parametrize("count", [1, 20])
def test_too_little_text_is_not_judged(count):
    source, target = sides(count)
    assert languages(target, source, ("en", "fr")).findings == ()
    assert languages(target, source, ("en", "fr")).figures["languages"] == {"source": "", "target": ""}


def test_the_table_of_function_words_is_sound():
    assert set(NAMES) == set(FUNCTION_WORDS) == set(LANGUAGES)
    for code, words in FUNCTION_WORDS.items():
        assert len(set(words.split())) >= 18, code
        assert words == words.lower(), code


MISREAD = [
    *("café crème", "l’été à Orléans – déjà", "Größe: 20° ± 1", "naïve „Wörter“", "São Paulo é ótima", "10 € pour ça"),
    *("Łódź i Kraków, żółty", "Привет, как дела?", "Γειά σου κόσμε", "مرحبا", "日本語の文章です", "हिन्दी में लिखा"),
    "a 🙂 face",
]


def as_windows(text, times=1):
    """What a program shows that takes UTF-8 for Windows-1252, as it does with bytes that this leaves undefined."""
    for _ in range(times):
        text = "".join(
            bytes([byte]).decode("cp1252") if byte not in (0x81, 0x8D, 0x8F, 0x90, 0x9D) else chr(byte)
            for byte in text.encode()
        )
    return text


@pytest.mark.parametrize("text", MISREAD)
@pytest.mark.parametrize("times", [1, 2])
def test_misread_text_leaves_traces_and_can_be_turned_back(text, times):
    assert not traces().search(text)
    assert traces().search(as_windows(text, times))
    assert repaired(as_windows(text, times)) == text


@pytest.mark.parametrize("text", ["café crème, déjà vu", "Größe und Übermaß", "São João não é então"])
def test_text_misread_as_latin_1(text):
    assert traces().search(text.encode().decode("latin-1"))


def test_cyrillic_misread_as_windows_1251():
    assert traces().search("Привет, как дела?".encode().decode("cp1251", "replace"))


RIGHT = [
    *("IRMÃ…", "A MANHû", "«NÃO»", "mão, mãe, irmão…", "ESPAÑA…", "ĐÃ”", "Hà Nội đã có bão", "Để làm gì?", "ÂŻ"),
    *(
        "L’ÂGE",
        "«Â» est une lettre",
        "É…",
        "naïf…",
        "château",
        "à la carte",
        "Çà et là",
        "ÊTRE",
        "Œuvre",
        "c’est-à-dire",
    ),
    *("Übung – „Ärger“", "„Größe“", "×2", "3×4 = 12", "20 °C", "£5, €6, ¥7", "µ ± 2 §", "Ð og Þ", "Ærø", "Ísland…"),
    *("С. Р. Ёлкин", "РОССИЯ", "Ο Νίκος", "Œuvre"),
]


@pytest.mark.parametrize("text", RIGHT)
def test_right_text_leaves_none(text):
    assert not traces().search(text)


def test_mojibake_is_counted_and_told():
    source, target = sides(1000)
    broken = [as_windows(text) if n % 20 == 0 else text for n, text in enumerate(target)]
    concerned = sum(broken[n] != target[n] for n in range(1000))
    found = of_kind(diagnose(source, broken, only=(Mojibake,)), "mojibake")
    assert found.severity is Severity.WARNING
    assert found.count == concerned
    first = found.examples[0]
    assert first.note == f"should read: {target[first.line - 1]}"
    assert diagnose(source, target, only=(Mojibake,)).findings == ()


def test_lost_characters():
    source, target = sides(400)
    target[7], target[300] = "Caf\ufffd", "\ufffd"
    found = of_kind(diagnose(source, target, only=(Mojibake,)), "lost characters")
    assert [example.line for example in found.examples] == [8, 301]
    assert found.severity is Severity.NOTE
    all_lost = diagnose(source, ["Caf\ufffd"] * 400, only=(Mojibake,))
    assert of_kind(all_lost, "lost characters").severity is Severity.SERIOUS


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("It costs 1,234.50 dollars", "Das kostet 1.234,50 Dollar"),
        ("1 000 000 people", "1,000,000 Menschen"),
        ("pi is 3.14", "Pi ist 3,14"),
        ("at 2:30 and 2.30", "um 2.30 und 2:30"),
        ("at 2:30", "à 2 h 30"),
        ("12/05/2020", "12.05.2020"),
        ("1914-1918", "von 1914 bis 1918"),
        ("agent 007", "Agent 7"),
        ("٣ كتب", "3 books"),
        ("3 of the 3", "3 davon"),
    ],
)
def test_numbers_that_are_written_differently_are_the_same(source, target):
    assert not all(unmatched(source, target))


def test_numbers_that_differ():
    assert unmatched("born in 1998 at 5", "geboren 1989 um 5") == (["1998"], ["1989"])
    assert unmatched("7 or eight", "sieben oder 8") == (["7"], ["8"])
    assert unmatched("7 days", "sieben Tage") == (["7"], [])


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=5), st.randoms())
def test_the_same_numbers_in_any_order_and_dress_are_never_accused(numbers, draw):
    dressed = [f"{number:,}" for number in numbers]
    draw.shuffle(dressed)
    assert not all(unmatched(" or ".join(map(str, numbers)), " oder ".join(dressed).replace(",", ".")))


def test_number_mismatches_are_a_share_of_the_pairs_with_numbers():
    source = [f"There are {n} dogs." for n in range(100)] + ["No number here."] * 400
    target = [f"Il y a {n + (n % 3 == 0)} chiens." for n in range(100)] + ["Pas de nombre ici."] * 400
    found = of_kind(diagnose(source, target, only=(Numbers,)), "number mismatches")
    assert (found.count, found.total, found.severity) == (34, 100, Severity.WARNING)
    assert found.examples[0].note == "0 / 1"
    few = diagnose(source[:20], target[:20], only=(Numbers,))
    assert of_kind(few, "number mismatches").severity is Severity.NOTE
    assert diagnose(source, source, only=(Numbers,)).findings == ()


@pytest.mark.parametrize(
    ("kind", "bad", "advice"),
    [
        ("HTML entities", "Fish &amp; chips &#39;n&#x27; peas", 'data.html_entities="decode"'),
        ("markup tags", "A <b>bold</b> word<br/>", "Take the tags out"),
        ("control characters", "A bell\x07 rings", "'prepare' takes them out"),
        ("empty sides", "  ", "filter 'empty'"),
        ("empty sides", "\u200e\u200b ", "filter 'empty'"),
    ],
)
def test_each_oddity(kind, bad, advice):
    source, target = sides(1000)
    assert diagnose(source, target, only=(Oddities,)).findings == ()
    for line in range(0, 1000, 50):
        target[line] = bad
    found = of_kind(diagnose(source, target, only=(Oddities,)), kind)
    assert (found.count, found.severity) == (20, Severity.WARNING)
    assert [example.line for example in found.examples] == [1, 51, 101]
    assert advice in found.advice


def test_what_only_looks_odd_is_not_counted():
    text = ["R&D; is &c.", "a < b and b > c", "x <= y", "<3", "if a<b then c>d;", "tab\there"]
    assert diagnose(text, [line + "!" for line in text], only=(Oddities,)).findings == ()


def test_identical_sides():
    source, target = sides(1000)
    for line in range(200):
        target[line] = source[line]
    found = of_kind(diagnose(source, target, only=(Oddities,)), "identical sides")
    assert (found.count, found.severity) == (200, Severity.WARNING)
    assert "filter 'identical'" in found.advice
    for blank in ("", "\u200b"):
        (found,) = diagnose([blank] * 10, [blank] * 10, only=(Oddities,)).findings
        assert found.kind == "empty sides"


def apart(text):
    return text.replace(".", " .").replace(",", " ,")


def test_tokenised_text_is_told_from_text_that_is_tokenised_in_part():
    source, target = sides(2000)
    cut_source, cut_target = [apart(text) for text in source], [apart(text) for text in target]
    found = diagnose(cut_source, cut_target, only=(Oddities,))
    assert "data.pretokenised=true" in of_kind(found, "pretokenised text").advice
    assert of_kind(found, "pretokenised text").severity is Severity.NOTE
    assert diagnose(cut_source, cut_target, only=(Oddities,), pretokenised=True).findings == ()
    mixed = diagnose(source, cut_target, only=(Oddities,))
    assert of_kind(mixed, "mixed tokenisation").severity is Severity.WARNING
    assert "in 0.0 % of the source sentences that have one, and in 100 % of the target's" in mixed.findings[0].message
    half = diagnose(source[:1000] + cut_source[1000:], target[:1000] + cut_target[1000:], only=(Oddities,))
    assert kinds(half) == {"mixed tokenisation"}


def test_lengths_are_counted_as_the_filters_count_them():
    source = ["one", "one two", "one two three", "w " * 150, "", "我喜欢茶"]
    target = ["un", "un deux", "un deux trois quatre cinq six", "m " * 30, "x", "I like tea"]
    found = diagnose(source, target, only=(Lengths,))
    figures = found.figures["lengths"]
    assert figures["source"]["longest"] == 150
    assert figures["target"]["average"] == pytest.approx((1 + 2 + 6 + 30 + 1 + 3) / 6)
    counts = {(entry["from"], entry["to"]): entry["pairs"] for entry in figures["source"]["histogram"]}
    assert (counts[(0, 1)], counts[(1, 2)], counts[(2, 4)], counts[(4, 6)], counts[(101, 201)]) == (1, 1, 2, 1, 1)
    assert sum(entry["pairs"] for entry in figures["ratio"]["histogram"]) == 5  # an empty side has no ratio
    assert figures["ratio"]["average"] == pytest.approx(43 / (1 + 2 + 3 + 150 + 0 + 4))
    assert [example.line for example in of_kind(found, "long sentences").examples] == [4]
    assert [example.line for example in of_kind(found, "length ratio").examples] == [4]
    assert len(figures["source"]["histogram"]) == len(LENGTH_EDGES)


def test_lengths_of_nothing():
    assert diagnose([], [], only=(Lengths,)).figures["lengths"]["ratio"]["average"] is None
    assert diagnose(*(list(side) for side in zip(*phrases(500), strict=True)), only=(Lengths,)).findings == ()
