"""The whole corpus at once: no forbidden French anywhere, agreement checked against the lexicon, and honest splits."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys

import pytest

from seq2seq.corpus.pair import Pair
from seq2seq.corpus.phrasebook import SPLITS, generate, pairs
from seq2seq.corpus.phrasebook.generate import write
from seq2seq.corpus.phrasebook.lexicon import lexicon
from seq2seq.corpus.phrasebook.phrase import Phrase
from seq2seq.corpus.phrasebook.rule import Rule
from seq2seq.corpus.phrasebook.split import is_held_out, parts
from seq2seq.corpus.readers.phrasebook import Phrasebook
from seq2seq.errors import UserError, WorkError

VOWEL = "aàâeéèêëiîïoôœuùûAEÉIO"
MUTE_H = r"(?:h(?!éros|aine|aricot|omard|ache|ibou|amster|érisson|arpe|ockey|utte|aut|uit))"
SOUND = rf"(?:(?!onze)[{VOWEL}]|{MUTE_H})"


def words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+(?:-[^\W_]+)*'?", text)


def plain(text: str) -> str:
    return " ".join(re.sub(r"[^\w\s'-]", " ", text.casefold()).split())


@pytest.fixture(scope="module")
def french() -> str:
    """Returns every French sentence, one a line."""
    return "\n".join(sentence.french for sentence in generate())


@pytest.fixture(scope="module")
def english() -> str:
    return "\n".join(sentence.english for sentence in generate())


def test_there_are_enough_pairs_of_moderate_length():
    sentences = generate()
    assert len(sentences) >= 60_000
    assert len({(sentence.english, sentence.french) for sentence in sentences}) == len(sentences)
    for side in (0, 1):
        lengths = [len(words(sentence[side])) for sentence in sentences]
        assert min(lengths) >= 2
        assert max(lengths) <= 18
        assert 5 < sum(lengths) / len(lengths) < 9


def test_translation_is_a_function_of_the_english():
    known: dict[str, str] = {}
    for sentence in generate():
        assert known.setdefault(sentence.english, sentence.french) == sentence.french


def test_two_french_sentences_for_one_english_are_refused_when_generating():
    rules = [
        Rule("first", lambda draw: (Phrase("we go", "nous allons"), "."), 1),
        Rule("second", lambda draw: (Phrase("we go", "on va"), "."), 1),
    ]
    with pytest.raises(WorkError, match=r"'We go\.' in two ways.*Nous allons.*first.*On va.*second"):
        write(rules, lexicon())


FORBIDDEN = {
    "no elision": rf"\b(?:je|me|te|se|le|la|de|ne|que) {SOUND}",
    "no elision before y": r"\b(?:je|ne|que|me|te|se) y\b",
    "elision before a consonant or an aspirated h": r"\b(?:[jmtsdnl]|qu)'(?:h(?:éros|aine|aricot|omard|ache|ibou"
    r"|amster|érisson|arpe|ockey|utte|aut|uit)|onze|[bcçdfgjklmnpqrstvwxz])",
    "si il": r"\bsi ils?\b",
    "s'elle": r"\bs'elles?\b",
    "no contraction": r"\b(?:de le|de les|à le|à les)\b",
    "contracted before a vowel": rf"\b(?:au|du) {SOUND}",
    "ma, ta, sa before a vowel": rf"\b(?:ma|ta|sa) {SOUND}",
    "ce before a masculine vowel": rf"\bce (?!est\b|était\b){SOUND}",
    "cet before a consonant": rf"\bcet (?!{SOUND})",
    "beau, nouveau, vieux before a vowel": rf"\b(?:beau|nouveau) {SOUND}|\b(?:un|le|ce|mon|ton|son) vieux {SOUND}",
    "bel, nouvel, vieil before a consonant": rf"\b(?:bel|nouvel|vieil) (?!{SOUND})",
    "a partitive after pas": r"(?<!n'est )(?<!ne sont )\b(?:pas|plus|jamais) (?:un|une) ",
    "asterisk": r"\*",
    "two spaces": r"  ",
    "no space before a mark": r"[^ ][?!]",
    "typographic characters": r"[’\u00a0\u202f“”]",
    "small letter first": r"^[a-zà-ü]",
    "no closing mark": r"[^.?!]$",
    "beaucoup du": r"\b(?:beaucoup|assez) (?:du|des)\b",
    "en with a masculine country": r"\ben (?:Japon|Canada|Mexique|Brésil|Maroc|Portugal|Sénégal|États|Pays)",
    "au with a feminine country": r"\bau (?:France|Espagne|Italie|Chine|Belgique|Suisse|Russie|Grèce)",
    "dans with a city or country": r"\bdans (?:Paris|Lyon|France|Londres)",
    "article before a profession": r"\b(?:sommes|étions|étais|étaient|serons) (?:un|une|des) ",
    "je with another person's verb": r"\b(?:je|j') ?(?:a|est|va|fait|sont|es)\b",
    "plus bon": r"\bplus (?:bon|bonne|bons|bonnes) que\b",
}


@pytest.mark.parametrize("fault", FORBIDDEN)
def test_no_french_sentence_has_a_fault(french: str, fault: str):
    found = re.search(rf"^.*(?:{FORBIDDEN[fault]}).*$", french, re.MULTILINE)
    assert found is None, found[0] if found else ""


ENGLISH_FAULTS = {
    "a before a vowel": r"\b[Aa] (?!uni|use|one)[aeiou]",
    "an before a consonant": r"\b[Aa]n (?![aeiouAEIOU]|hon)",
    "no s in the third person": r"^(?:He|She) (?:drink|eat|go|have|want|like|speak)\b",
    "s in another person": r"^(?:I|You|We|They) (?:drinks|eats|goes|has|wants|likes|reads|speaks|is)\b",
    "a mass noun with a": r"\b[Aa]n? (?:milk|water|bread|rice|meat|cheese|butter|sugar|history|music)\b",
    "no capital": r"^[a-z]",
    "space before a mark": r" [?!.,]",
    "two spaces": r"  ",
    "some after not": r"n't (?:drink|eat|buy|sell) some\b",
    "small I": r"\bi\b",
    "nonsense": r"\b(?:drinks?|drank|drinking) (?:a |an |the |this |my )?(?:table|house|car|book|shirt|apple)",
}


@pytest.mark.parametrize("fault", ENGLISH_FAULTS)
def test_no_english_sentence_has_a_fault(english: str, fault: str):
    found = re.search(rf"^.*(?:{ENGLISH_FAULTS[fault]}).*$", english, re.MULTILINE)
    assert found is None, found[0] if found else ""


def test_every_determiner_agrees_with_its_noun(french: str, english: str):
    genders = {n.french.lstrip("*"): n.feminine for n in lexicon().nouns if " " not in n.french}
    plurals = {n.french_plural.lstrip("*") for n in lexicon().nouns if " " not in n.french} - {""}
    singulars = set(genders)
    masculine = "un|le|ce|cet|mon|ton|son|du|au"
    checked = 0
    for article, noun in re.findall(rf"\b({masculine}|une|la|cette|ma|ta|sa) ([\w-]+)", french):
        if noun not in genders:
            continue
        checked += 1
        if article in ("une", "la", "cette", "ma", "ta", "sa"):
            assert genders[noun], (article, noun)
        elif not (article in ("mon", "ton", "son") and re.match(SOUND, noun)):
            assert not genders[noun], (article, noun)
    english_plurals = "|".join(n.plural for n in lexicon().nouns if n.plural)
    found = re.search(rf"\b[Aa]n? (?:\w+ )?(?:{english_plurals})\b", english)
    assert found is None, found[0] if found else ""
    for article, noun in re.findall(r"\b(les|des|ces|mes|tes|ses|nos|leurs|aux) ([\w-]+)", french):
        assert noun not in singulars or noun in plurals, (article, noun)
        checked += noun in plurals
    assert checked > 30_000


def test_every_adjective_beside_a_noun_agrees_with_it(french: str):
    allowed: dict[str, set[tuple[bool, bool]]] = {}
    for adjective in lexicon().adjectives:
        for place, form in enumerate(adjective.forms):
            allowed.setdefault(form.lstrip("*"), set()).add((bool(place % 2), place >= 2))
        if adjective.before_vowel:
            allowed.setdefault(adjective.before_vowel, set()).add((False, False))
    after = {f.lstrip("*") for a in lexicon().adjectives if a.position == "after" for f in a.forms}
    # "La fille court" is a girl who runs, not a short one.
    after -= {form for verb in lexicon().verbs for form in verb.present}
    before = {f for a in lexicon().adjectives if a.position in ("before", "attributive") for f in a.forms}
    before |= {"bel", "nouvel", "vieil"}
    nouns: dict[str, set[tuple[bool, bool]]] = {}
    for noun in lexicon().nouns:
        nouns.setdefault(noun.french.lstrip("*"), set()).add((noun.feminine, False))
        nouns.setdefault(noun.french_plural.lstrip("*"), set()).add((noun.feminine, True))
    checked = 0
    article = r"\b(?:un|une|le|la|les|des|du|ce|cet|cette|ces|mon|ma|mes|ton|ta|tes|son|sa|ses|nos|notre|leurs?) "
    for noun, adjective in re.findall(rf"{article}([\w-]+) (?=([\w-]+))", french):
        if noun in nouns and adjective in after and noun not in allowed:
            checked += 1
            assert nouns[noun] & allowed[adjective], (noun, adjective)
    for adjective, noun in re.findall(rf"{article}([\w-]+) (?=([\w-]+))", french):
        if noun in nouns and adjective in before:
            checked += 1
            assert nouns[noun] & allowed[adjective], (adjective, noun)
    assert checked > 2_500


def test_participles_and_adjectives_after_etre_agree_with_pronouns(french: str):
    forms: dict[str, set[tuple[bool, bool]]] = {}
    for adjective in lexicon().adjectives:
        for place, form in enumerate(adjective.forms):
            forms.setdefault(form.lstrip("*"), set()).add((bool(place % 2), place >= 2))
    for verb in lexicon().verbs:
        if verb.with_etre:
            for place, ending in enumerate(("", "e", "s", "es")):
                forms.setdefault(verb.french_participle + ending, set()).add((bool(place % 2), place >= 2))
    subjects = {"il est": (False, False), "elle est": (True, False), "elle s'est": (True, False)}
    subjects |= {"elle était": (True, False), "ils sont": (False, True), "ils étaient": (False, True)}
    subjects |= {"elles sont": (True, True), "elles étaient": (True, True), "nous sommes": (False, True)}
    subjects |= {"je suis": (False, False), "tu es": (False, False), "ils se sont": (False, True)}
    subjects |= {"nous nous sommes": (False, True), "elle sera": (True, False)}
    checked = 0
    for subject, word in re.findall(rf"\b(?i:({'|'.join(subjects)})) (?:pas |très |trop |vraiment )?([\w-]+)", french):
        if word in forms:
            checked += 1
            assert subjects[subject.lower()] in forms[word], (subject, word)
    assert checked > 1_500


def test_subjects_and_verbs_agree_in_person(french: str):
    """Any word right after a subject pronoun is a form of that person, or a word that may stand between."""
    person = {"je": 0, "tu": 1, "il": 2, "elle": 2, "qui": None, "nous": 3, "vous": 4, "ils": 5, "elles": 5}
    present: dict[str, set[int]] = {}
    for verb in lexicon().verbs:
        for place, form in enumerate(verb.present):
            present.setdefault(form, set()).add(place)
    checked = 0
    for pronoun, word in re.findall(r"\b(je|tu|il|elle|ils|elles) (?:ne |n')?([\w]+)\b", french, re.IGNORECASE):
        if word in present:
            checked += 1
            assert person[pronoun.lower()] in present[word], (pronoun, word)
    assert checked > 10_000


PHENOMENA = {
    "elision": r"\b(?:[jlmtsdn]|qu)'",
    "contraction": r"\b(?:du|au|aux|des)\b",
    "de after a negation": r"\b(?:pas|plus|jamais) (?:de |d')",
    "no de after être": r"\bn(?:e sont|'est) pas (?:du|de la|de l'|un|une|des) ",
    "partitive of the feminine": r"\bde (?:la|l')",
    "de before a plural adjective": r"\bde (?:bons|bonnes|grands|grandes|petits|petites|vieux|vieilles)\b",
    "bel, nouvel, vieil": r"\b(?:bel|nouvel|vieil)\b",
    "participle with être": r"\b(?:est|sont|sommes|suis|es) (?:pas )?(?:all|arriv|part|ven|reven|rest|sort|tomb)",
    "feminine participle with être": r"\b(?:allée|partie|venue|arrivée|restée|sortie|levée|couchée|revenue)s?\b",
    "reflexive": r"\b(?:me|te|se|nous nous|s'|m') ?(?:suis|es|est|sont|lève|couche|habille|repose|dépêche|réveille)",
    "aspirated h": r"\b(?:le|la|du|au|de|ce) (?:héros|haine|hibou|harpe|hutte|homard|hamster|hérisson|hache|hockey)",
    "mute h": r"[ld]'(?:homme|hôtel|hôpital|horloge|huile|hiver|histoire)",
    "mon before a feminine vowel": r"\b(?:mon|ton|son) (?:amie|orange|écharpe|armoire|étagère|horloge|omelette)",
    "cet": r"\bcet ",
    "est-ce que": r"\b[Ee]st-ce qu",
    "negated past": r"\bn'(?:ai|as|a|avons|ont) pas ",
    "near future": r"\b(?:vais|vas|va|allons|vont) (?:\w+er|\w+ir|\w+re)\b",
    "imperfect": r"\b\w+(?:ais|ait|aient|ions)\b",
    "future": r"\b\w+r(?:ai|as|a|ons|ont)\b",
    "recent past": r"\b(?:viens|vient|venons|viennent) (?:de |d')",
    "because": r"\bparce qu",
    "when": r"^Quand (?!est-ce)",
    "if": r"^S(?:i |')",
    "that": r"\b(?:pense|crois|dit|espère)\w* qu",
    "who": r"\bqui ",
    "comparison": r"\b(?:plus|moins|aussi) [\w-]+ qu",
    "better": r"\bmeilleure?s?\b",
    "superlative": r"\b(?:la|le|les) plus ",
    "countries": r"\b(?:en (?:France|Chine|Italie|Inde)|au (?:Japon|Canada|Maroc)|aux (?:États-Unis|Pays-Bas))",
    "number": r"\b(?:vingt|trente|quarante|cinquante|soixante|quatre-vingt)",
    "time of day": r"\bheures? |\bheures?[.]|\bmidi|\bminuit",
    "date": r"\ble (?:premier|[\w-]+) (?:janvier|février|mars|avril|mai|juin|juillet|août|septembre)",
    "there is": r"[Ii]l (?:n')?y a ",
    "politeness": r"s'il te plaît",
    "imperative": r"!$",
    "possessive with de": r"\bde (?:Marie|Paul|mon|ma|ton|ta|son|sa)\b|\bd'(?:Alice|Inès|Emma)",
    "object pronoun": r"\b(?:l'(?:ai|as|a)|les (?:ai|as|a)|me voit|te (?:suit|voit|vois))\b",
    "à with a game, de with an instrument": r"\bjou\w+ (?:au|du|de la|de l')",
}


@pytest.mark.parametrize("phenomenon", PHENOMENA)
def test_each_phenomenon_has_at_least_a_hundred_sentences(french: str, phenomenon: str):
    lines = sum(1 for _ in re.finditer(rf"^.*(?:{PHENOMENA[phenomenon]}).*$", french, re.MULTILINE))
    assert lines >= 100


def test_the_first_example_of_the_readme_is_held_out():
    assert ("I drink milk.", "Je bois du lait.") in pairs("combinations")
    assert "I drink milk." not in dict(pairs("train"))
    train = " ".join(source for source, _ in pairs("train"))
    assert len(re.findall(r"\bmilk\b", train)) >= 25
    assert len(re.findall(r"\bdr(?:i|a|u)nk", train)) >= 100


def test_splits_are_disjoint_and_of_the_promised_sizes():
    assert len(pairs("train")) >= 60_000
    assert 850 <= len(pairs("development")) <= 1150
    assert 850 <= len(pairs("test")) <= 1150
    assert len(pairs("combinations")) == 1000
    seen: dict[str, str] = {}
    for split in SPLITS:
        for source, _ in pairs(split):
            assert seen.setdefault(plain(source), split) == split


def test_held_out_combinations_are_in_no_other_part():
    for split, sentences in parts().items():
        for sentence in sentences:
            assert any(map(is_held_out, sentence.combinations)) == (split == "combinations")
    train = {used for sentence in parts()["train"] for used in sentence.combinations}
    for sentence in parts()["combinations"]:
        assert not train.issuperset(sentence.combinations)


def test_combinations_can_be_told_from_the_words_alone():
    """Independent of the recorded names: nobody drinks milk anywhere in train, in any tense."""
    drinking = re.compile(r"\bdr(?:i|a|u)nk(?:s|ing)? (?:\w+ ){0,3}milk\b")
    assert not [source for source, _ in pairs("train") if drinking.search(source) and "because" not in source]


def test_train_has_every_word_of_the_held_out_parts():
    for side in (0, 1):
        known = {word.casefold() for pair in pairs("train") for word in words(pair[side])}
        for split in SPLITS[1:]:
            assert known.issuperset(word.casefold() for pair in pairs(split) for word in words(pair[side]))


def test_every_entry_of_the_lexicon_comes_at_least_25_times_in_train():
    text = " ".join(f" {word} " for source, _ in pairs("train") for word in [plain(source).replace(" ", "  ")])
    text = text.replace("'s ", " ")

    def common(*forms: str) -> int:
        return sum(text.count(f" {form.casefold().replace(' ', '  ')} ") for form in dict.fromkeys(forms) if form)

    book = lexicon()
    forms = [(n.english, n.plural) for n in (*book.nouns, *book.professions)]
    forms += [(a.english, a.comparative, a.superlative) for a in book.adjectives]
    forms += [(v.english, v.third, v.past, v.participle, v.ing) for v in book.verbs if v.english != "be"]
    forms += [(e.english,) for e in (*book.times, *book.adverbs, *book.prepositions, *book.states, *book.months)]
    forms += [(n.english,) for n in (*book.names, *book.numbers)]
    forms += [(p.at, p.to, p.origin) for p in book.places]
    assert [(entry, common(*entry)) for entry in forms if common(*entry) < 25] == []


def test_the_order_is_shuffled():
    kinds = [sentence.kind for sentence in parts()["train"][:400]]
    assert len(set(kinds)) > 30


def digest() -> str:
    joined = "\n".join(f"{source}\t{target}" for split in SPLITS for source, target in pairs(split))
    return hashlib.sha256(joined.encode()).hexdigest()


def test_another_process_with_another_hash_seed_makes_the_same_corpus():
    code = (
        "import hashlib\nfrom seq2seq.corpus.phrasebook import SPLITS, pairs\n"
        "text = '\\n'.join(f'{a}\\t{b}' for split in SPLITS for a, b in pairs(split))\n"
        "import sys\nsys.stdout.write(hashlib.sha256(text.encode()).hexdigest())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    made = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert made.stdout == digest()


@pytest.mark.parametrize("make", [pairs, Phrasebook])
def test_a_wrong_split_is_answered_with_the_nearest_name(make):
    with pytest.raises(UserError, match=r"no split 'trian'.*Did you mean 'train'"):
        make("trian")


def test_the_reader_yields_the_pairs_with_their_lines_again_and_again():
    reader = Phrasebook("test")
    first = list(reader())
    assert first == [Pair(n, s, t) for n, (s, t) in enumerate(pairs("test"), start=1)]
    assert list(reader()) == first
