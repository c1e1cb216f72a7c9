"""The grammar in single cases: each expected text was written by hand."""

from __future__ import annotations

import pytest

from seq2seq.corpus.phrasebook import english, french
from seq2seq.corpus.phrasebook.clause import Clause, ask, say
from seq2seq.corpus.phrasebook.conjugation import future, imperative, imperfect
from seq2seq.corpus.phrasebook.draw import HE, SHE, THEY, WE, YOU, I, Index
from seq2seq.corpus.phrasebook.grammar.comparisons import comparative
from seq2seq.corpus.phrasebook.grammar.descriptions import attribute
from seq2seq.corpus.phrasebook.grammar.joined import they_again
from seq2seq.corpus.phrasebook.lexicon import lexicon
from seq2seq.corpus.phrasebook.noun_phrase import noun_phrase
from seq2seq.corpus.phrasebook.phrase import NOTHING, Predicate, Subject, fixed
from seq2seq.corpus.phrasebook.question import put

INDEX = Index(lexicon())
ADJECTIVES = {adjective.english: adjective for adjective in lexicon().adjectives}
THE_WOMEN = Subject("the women", "les femmes", 5, True)


def phrase(noun: str, article: str, adjective: str = "", plural: bool = False):
    return noun_phrase(INDEX.nouns[noun], article, plural, ADJECTIVES[adjective] if adjective else None)


def said(subject, verb, complement=NOTHING, tense="present", negation="", short=True, **clitic):
    clause = Clause(subject, Predicate(INDEX.verbs[verb], complement, **clitic), tense, negation, short=short)
    spoken = say(clause, INDEX.conjugator)
    return english.spell(spoken.english, "."), french.spell(spoken.french, ".")


def asked(subject, verb, complement=NOTHING, tense="present", opening=("", ""), make=ask):
    spoken = make(Clause(subject, Predicate(INDEX.verbs[verb], complement), tense), INDEX.conjugator, opening)
    return english.spell(spoken.english, "?"), french.spell(spoken.french, "?")


@pytest.mark.parametrize(
    ("raw", "written"),
    [
        ("je aime la eau", "J'aime l'eau."),
        ("je ne ai pas de eau", "Je n'ai pas d'eau."),
        ("elle dit que il aime le été", "Elle dit qu'il aime l'été."),
        ("si il vient et si elle vient", "S'il vient et si elle vient."),
        ("parce que elles se habillent", "Parce qu'elles s'habillent."),
        ("il parle de le *héros et de la *haine", "Il parle du héros et de la haine."),
        ("il parle à le homme de le hôtel", "Il parle à l'homme de l'hôtel."),
        ("il parle à les enfants de les voisins", "Il parle aux enfants des voisins."),
        ("je me habille", "Je m'habille."),
        ("elle te attend et te écoute", "Elle t'attend et t'écoute."),
        ("il ne y a pas de œufs", "Il n'y a pas d'œufs."),
        ("le *huit ou le *onze mai", "Le huit ou le onze mai."),
        ("je pense que Alice et Émile arrivent", "Je pense qu'Alice et Émile arrivent."),
        ("de le yaourt", "Du yaourt."),
        ("quelque homme chaque étoile", "Quelque homme chaque étoile."),
        ("le a vue", "L'a vue."),
    ],
)
def test_words_join_as_french_writes_them(raw: str, written: str):
    assert french.spell(raw, ".") == written


def test_french_sets_a_space_before_questions_and_exclamations_and_english_does_not():
    assert french.spell("est-ce que il dort", "?") == "Est-ce qu'il dort ?"
    assert french.spell("dors", "!") == "Dors !"
    assert english.spell("does he sleep", "?") == "Does he sleep?"


@pytest.mark.parametrize(
    ("raw", "written"),
    [
        ("a apple and a orange", "An apple and an orange."),
        ("a uniform and a useful umbrella", "A uniform and a useful umbrella."),
        ("a honest uncle", "An honest uncle."),
        ("a house with a onion", "A house with an onion."),
        ("a empty box of a old man", "An empty box of an old man."),
    ],
)
def test_english_says_an_before_a_vowels_sound(raw: str, written: str):
    assert english.spell(raw, ".") == written


@pytest.mark.parametrize(
    ("noun", "article", "adjective", "plural", "source", "target"),
    [
        ("tree", "a", "beautiful", False, "a beautiful tree", "un bel arbre"),
        ("bird", "the", "old", False, "the old bird", "le vieil oiseau"),
        ("friend", "a", "new", False, "a new friend", "un nouvel ami"),
        ("car", "a", "new", False, "a new car", "une nouvelle voiture"),
        ("hut", "a", "old", False, "an old hut", "une vieille hutte"),
        ("hamster", "a", "beautiful", False, "a beautiful hamster", "un beau hamster"),
        ("lake", "a", "beautiful", False, "a beautiful lake", "un beau lac"),
        ("friend", "bare", "good", True, "good friends", "de bons amis"),
        ("house", "some", "big", True, "some big houses", "de grandes maisons"),
        ("friend", "bare", "curious", True, "curious friends", "des amis curieux"),
        ("address", "my", "", False, "my address", "mon adresse"),
        ("address", "my", "new", False, "my new address", "ma nouvelle adresse"),
        ("story", "her", "", False, "her story", "son histoire"),
        ("harp", "my", "", False, "my harp", "ma harpe"),
        ("hero", "this", "", False, "this hero", "ce héros"),
        ("man", "this", "", False, "this man", "cet homme"),
        ("man", "this", "old", False, "this old man", "ce vieil homme"),
        ("woman", "this", "", False, "this woman", "cette femme"),
        ("horse", "this", "", True, "these horses", "ces chevaux"),
        ("hero", "the", "", False, "the hero", "le héros"),
        ("hatred", "generic", "", False, "hatred", "la haine"),
        ("hotel", "the", "", False, "the hotel", "l'hôtel"),
        ("milk", "bare", "", False, "milk", "du lait"),
        ("water", "some", "cold", False, "some cold water", "de l'eau froide"),
        ("meat", "some", "good", False, "some good meat", "de la bonne viande"),
        ("milk", "generic", "", False, "milk", "le lait"),
        ("dress", "the", "white", True, "the white dresses", "les robes blanches"),
        ("dress", "a", "brown", False, "a brown dress", "une robe marron"),
        ("bean", "the", "", True, "the beans", "les haricots"),
        ("mountain", "a", "high", False, "a high mountain", "une haute montagne"),
        ("mountain", "some", "high", True, "some high mountains", "de hautes montagnes"),
        ("wall", "this", "high", False, "this high wall", "ce haut mur"),
        ("plan", "the", "", False, "the plan", "le plan"),
    ],
)
def test_noun_phrases_agree(noun: str, article: str, adjective: str, plural: bool, source: str, target: str):
    made = phrase(noun, article, adjective, plural)
    assert english.spell(made.english, ".").lower() == source + "."
    assert french.spell(made.french, ".").lower() == target + "."


def test_milk_is_drunk_denied_and_asked_for_as_promised():
    milk = phrase("milk", "bare").complement()
    some = phrase("milk", "some").complement()
    assert said(I, "drink", milk) == ("I drink milk.", "Je bois du lait.")
    assert said(I, "drink", milk, negation="not") == ("I don't drink milk.", "Je ne bois pas de lait.")
    assert said(I, "drink", some, negation="not", short=False) == (
        "I do not drink any milk.",
        "Je ne bois pas de lait.",
    )
    assert said(SHE, "drink", milk, negation="never") == ("She never drinks milk.", "Elle ne boit jamais de lait.")
    assert said(WE, "drink", milk, negation="anymore") == (
        "We don't drink milk anymore.",
        "Nous ne buvons plus de lait.",
    )
    assert asked(YOU, "drink", some) == ("Do you drink any milk?", "Est-ce que tu bois du lait ?")
    assert said(I, "like", phrase("milk", "generic").complement(), negation="not") == (
        "I don't like milk.",
        "Je n'aime pas le lait.",
    )


def test_only_a_question_whether_something_is_so_says_any():
    some = phrase("milk", "some").complement()
    french = "Est-ce que tu peux acheter du lait ?"
    assert asked(YOU, "buy", some, "can") == ("Can you buy some milk?", french)
    assert asked(YOU, "buy", some, "would like")[0] == "Would you like to buy some milk?"
    assert asked(YOU, "buy", some, "past")[0] == "Did you buy any milk?"
    assert asked(YOU, "buy", some, "past", ("where", "où")) == (
        "Where did you buy some milk?",
        "Où est-ce que tu as acheté du lait ?",
    )


@pytest.mark.parametrize(
    ("subject", "verb", "tense", "source"),
    [
        (I, "run", "progressive", "Are you running?"),
        (WE, "run", "want", "Do they want to run?"),
        (I, "run", "would like", "Would you like to run?"),
        (I, "know", "past", "Did you know?"),
        (I, "run", "past", "Did I run?"),
        (SHE, "run", "want", "Does she want to run?"),
    ],
)
def test_nobody_asks_what_only_the_speaker_knows(subject, verb, tense, source):
    assert asked(subject, verb, tense=tense, make=put)[0] == source


def test_a_clause_tells_every_combination_it_makes():
    """Subject and quality, verb and object, and those within either phrase: in one place for all rules."""
    be, man = INDEX.verbs["be"], phrase("man", "the", "young").subject()

    def combinations(verb, complement, subject=man):
        clause = Clause(subject, Predicate(verb, complement))
        made = say(clause, INDEX.conjugator).combinations
        assert made == ask(clause, INDEX.conjugator).combinations
        return set(made)

    assert combinations(be, attribute(ADJECTIVES["tall"])) == {"man < young", "man < tall"}
    castle = phrase("castle", "a", "old").complement()
    assert combinations(INDEX.verbs["see"], castle) == {"man < young", "castle < old", "see > castle"}
    assert combinations(be, attribute(ADJECTIVES["tall"]), I) == set()


def test_they_are_the_women_named_before():
    assert they_again(THE_WOMEN, THEY).french == "elles"
    assert they_again(THE_WOMEN, SHE) == SHE
    assert they_again(phrase("man", "the", plural=True).subject(), THEY) == THEY
    assert they_again(SHE, THEY) == THEY


@pytest.mark.parametrize(
    ("subject", "verb", "tense", "negation", "pair"),
    [
        (SHE, "go", "past", "", ("She went.", "Elle est allée.")),
        (THE_WOMEN, "leave", "past", "", ("The women left.", "Les femmes sont parties.")),
        (THEY, "arrive", "past", "not", ("They didn't arrive.", "Ils ne sont pas arrivés.")),
        (SHE, "get up", "past", "", ("She got up.", "Elle s'est levée.")),
        (WE, "go to bed", "past", "not", ("We didn't go to bed.", "Nous ne nous sommes pas couchés.")),
        (I, "eat", "past", "not", ("I didn't eat.", "Je n'ai pas mangé.")),
        (HE, "get dressed", "near", "not", ("He isn't going to get dressed.", "Il ne va pas s'habiller.")),
        (I, "get up", "just", "", ("I have just gotten up.", "Je viens de me lever.")),
        (I, "leave", "just", "", ("I have just left.", "Je viens de partir.")),
        (YOU, "rest", "must", "", ("You must rest.", "Tu dois te reposer.")),
        (WE, "eat", "used", "", ("We used to eat.", "Nous mangions.")),
        (I, "eat", "used", "", ("I used to eat.", "Je mangeais.")),
        (HE, "come", "future", "not", ("He won't come.", "Il ne viendra pas.")),
        (SHE, "run", "progressive", "", ("She is running.", "Elle court.")),
        (THEY, "swim", "can", "not", ("They can't swim.", "Ils ne peuvent pas nager.")),
        (HE, "dance", "want", "not", ("He doesn't want to dance.", "Il ne veut pas danser.")),
        (I, "stay", "would like", "", ("I would like to stay.", "Je voudrais rester.")),
        (HE, "read", "perfect", "never", ("He has never read.", "Il n'a jamais lu.")),
    ],
)
def test_tenses_in_both_languages(subject, verb, tense, negation, pair):
    assert said(subject, verb, NOTHING, tense, negation) == pair


def test_a_participle_agrees_with_an_object_that_comes_before_it():
    him, them = fixed("her", ""), fixed("them", "")
    assert said(I, "see", him, "past", clitic="la", agreement=(True, False)) == ("I saw her.", "Je l'ai vue.")
    assert said(HE, "see", them, "past", "not", clitic="les", agreement=(False, True)) == (
        "He didn't see them.",
        "Il ne les a pas vus.",
    )
    assert said(SHE, "help", fixed("me", ""), "near", clitic="me", agreement=(False, False)) == (
        "She is going to help me.",
        "Elle va m'aider.",
    )


def test_forms_that_french_spells_with_care():
    verbs = INDEX.verbs
    assert [imperative(verbs[word], 1) for word in ("eat", "open", "go", "drink")] == ["mange", "ouvre", "va", "bois"]
    assert imperative(verbs["eat"], 3) == "mangeons"
    assert [imperfect(verbs["be"], p) for p in (0, 3)] == ["étais", "étions"]
    assert [future(verbs[w], 0) for w in ("see", "go", "send", "buy")] == ["verrai", "irai", "enverrai", "achèterai"]


def test_comparatives_take_more_or_er_and_good_becomes_meilleur():
    assert comparative(ADJECTIVES["good"], "more")[:2] == (
        "better",
        ("meilleur", "meilleure", "meilleurs", "meilleures"),
    )
    assert comparative(ADJECTIVES["good"], "less")[1][1] == "moins bonne"
    assert comparative(ADJECTIVES["expensive"], "more")[0] == "more expensive"
    assert comparative(ADJECTIVES["big"], "as")[1] == ("aussi grand", "aussi grande", "aussi grands", "aussi grandes")


@pytest.mark.parametrize(
    ("value", "source", "target", "feminine"),
    [
        (0, "zero", "zéro", "zéro"),
        (1, "one", "un", "une"),
        (8, "eight", "*huit", "*huit"),
        (21, "twenty-one", "vingt et un", "vingt et une"),
        (22, "twenty-two", "vingt-deux", "vingt-deux"),
        (28, "twenty-eight", "vingt-huit", "vingt-huit"),
        (61, "sixty-one", "soixante et un", "soixante et une"),
        (70, "seventy", "soixante-dix", "soixante-dix"),
        (71, "seventy-one", "soixante et onze", "soixante et onze"),
        (77, "seventy-seven", "soixante-dix-sept", "soixante-dix-sept"),
        (80, "eighty", "quatre-vingts", "quatre-vingts"),
        (81, "eighty-one", "quatre-vingt-un", "quatre-vingt-une"),
        (91, "ninety-one", "quatre-vingt-onze", "quatre-vingt-onze"),
        (99, "ninety-nine", "quatre-vingt-dix-neuf", "quatre-vingt-dix-neuf"),
        (100, "one hundred", "cent", "cent"),
    ],
)
def test_numbers_in_words(value: int, source: str, target: str, feminine: str):
    numerals = INDEX.numerals
    assert (numerals.english(value), numerals.french(value), numerals.french(value, True)) == (source, target, feminine)


def test_every_number_to_100_has_its_own_words():
    assert len({INDEX.numerals.english(value) for value in range(101)}) == 101
    assert len({INDEX.numerals.french(value) for value in range(101)}) == 101
    assert [INDEX.numerals.ordinal(value) for value in (1, 12, 20, 23, 31)] == [
        *("first", "twelfth", "twentieth", "twenty-third", "thirty-first"),
    ]
