"""Every tokenizer of the registry keeps the contract of `seq2seq.text.tokenizer`, in true case as well."""

from __future__ import annotations

import inspect
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import seq2seq.text
from seq2seq.errors import UserError
from seq2seq.registry import TOKENIZERS
from seq2seq.text.normaliser import Normaliser
from seq2seq.text.pairs import TokenizerPair
from seq2seq.text.special import EOS, GO, NUM_SPECIAL, PAD, SPECIAL_TOKENS, UNK
from seq2seq.text.tagged import Tagged
from seq2seq.text.true_case import Case, TrueCase

CORPUS = [
    "The miller's daughter walks to the old mill, again and again.",
    "Das alte Mühlrad dreht sich noch: langsam, aber stetig!",
    "Où est la clé du moulin ? Elle pend près de la porte.",
    "Twelve geese cross the road (slowly) while the carter waits.",
    "水車はまだ回っている。",
] * 3
NAMES = sorted(TOKENIZERS)
REQUIRED = {"name", "vocabulary_size", "placeholders", "encode", "encode_batch", "surfaces", "decode", "pieces"}
REQUIRED_OF_MEMBERS = REQUIRED | {"save", "load", "train"}
KINDS_OF_PLACEHOLDERS = {"unk", "num", "url"}
BITS = ["a", "The ", "the ", "Ä", "ß", "İ", "ǆ", "ŉ", "42", "3,50", " x@y.org", " www.z.example.", "[UNK]", "<go>", " "]
BITS += [
    "\u2581",
    "\u2585",
    "\ufdd0",
    "\ufdd0" + "1",
    "\ufdd1",
    "\uffed",
    "水車",
    "が",
    "e\u0301",
    "\u200b",
    "😀",
    "STOP",
    "!",
]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.lists(
    st.sampled_from(BITS), max_size=12
).map("".join)
NORMALISED = TEXTS.map(Normaliser())
PRETENDERS = [*SPECIAL_TOKENS, "<s>", "</s>", "[UNK]", "[NUM]", "[URL]", "<0x41>", "<pad><unk><go><eos>", "a<go>b"]
PRETENDERS += ["\uffed[UNK]", "<as it is>", "\ufdd0\ufdd1"]


@dataclass(frozen=True)
class Kind:
    """A member with settings of its own, as it is or in true case."""

    name: str
    settings: tuple[tuple[str, object], ...] = ()
    true_case: bool = False

    def __str__(self) -> str:
        return "-".join([self.name, *(str(value) for _, value in self.settings), *["true-case"] * self.true_case])

    def train(self, texts, *, vocabulary_size, seed=1):
        member, own = TOKENIZERS.load(self.name), dict(self.settings)
        if not self.true_case:
            return member.train(texts, vocabulary_size=vocabulary_size, seed=seed, **own)
        texts = list(texts)
        case = Case.learn(texts)
        return TrueCase(
            member.train((case(t).text for t in texts), vocabulary_size=vocabulary_size, seed=seed, **own), case
        )


SETTINGS = [
    *((name, ()) for name in NAMES),
    ("words", (("split", "spaces"),)),
    ("sentencepiece", (("model", "unigram"),)),
]
KINDS = [Kind(name, own, true_case) for name, own in SETTINGS for true_case in (False, True)]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=str)


@cache
def trained(kind):
    return kind.train(CORPUS, vocabulary_size=400)


@pytest.fixture(params=KINDS, ids=str)
def tokenizer(request):
    return trained(request.param)


def filled(tokenizer, text, *, before=0):
    """What stands in for the placeholders of `text`, whose ids come after `before` others."""
    pairs = enumerate(zip(tokenizer.encode(text), tokenizer.surfaces(text), strict=True), start=before)
    return {position: surface for position, (i, surface) in pairs if i in tokenizer.placeholders}


def test_every_tokenizer_of_the_room_is_registered():
    registered = {TOKENIZERS.load(name) for name in TOKENIZERS}
    for path in Path(seq2seq.text.__file__).parent.glob("*.py"):
        module = import_module(f"seq2seq.text.{path.stem}") if path.stem != "__init__" else seq2seq.text
        for value in vars(module).values():
            if isinstance(value, type) and value.__module__ == module.__name__ and not hasattr(value, "_is_protocol"):
                known = value in registered or value in (TrueCase, Tagged)  # which stand around a member
                assert not hasattr(value, "encode_batch") or known, f"{value} is not in the registry"


@pytest.mark.parametrize("name", NAMES)
def test_class_keeps_the_protocol_and_carries_its_registry_name(name):
    member = TOKENIZERS.load(name)
    assert set(dir(member)) >= REQUIRED_OF_MEMBERS
    assert member.name == name
    settings_taken = inspect.signature(member.train).parameters
    assert set(settings_taken) >= {"texts", "vocabulary_size", "seed", *TOKENIZERS.member(name).settings}
    for key, default in TOKENIZERS.member(name).settings.items():
        assert settings_taken[key].default == default


def test_true_case_has_all_that_a_user_of_tokenizers_asks_for(tokenizer):
    assert set(dir(tokenizer)) >= REQUIRED
    assert tokenizer.name in NAMES


def test_known_text_comes_back(tokenizer):
    for text in CORPUS:
        assert tokenizer.decode(tokenizer.encode(text)) == text


@every_kind
@settings(max_examples=60, deadline=None)
@given(text=NORMALISED)
def test_any_text_comes_back_with_its_placeholders_filled(kind, text):
    """All of Unicode, known or not: the ids and what the placeholders stand for are the text."""
    tokenizer = trained(kind)
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids, filled(tokenizer, text)) == text
    assert tokenizer.decode([GO, PAD, *ids, EOS], filled(tokenizer, text, before=2)) == text
    if not set(ids) & set(tokenizer.placeholders):
        assert tokenizer.decode(ids) == text


@every_kind
@settings(max_examples=60, deadline=None)
@given(text=NORMALISED)
def test_text_never_gives_a_special_id(kind, text):
    tokenizer = trained(kind)
    ids = tokenizer.encode(text)
    assert all(NUM_SPECIAL <= i < tokenizer.vocabulary_size for i in ids if i != UNK)
    assert UNK not in ids or tokenizer.placeholders[UNK] == "unk"
    assert bool(ids) == bool(text)
    assert len(tokenizer.pieces(ids)) == len(ids)


@every_kind
@settings(max_examples=60, deadline=None)
@given(text=NORMALISED)
def test_surfaces_are_one_a_token_and_add_up_to_the_text(kind, text):
    tokenizer = trained(kind)
    surfaces = tokenizer.surfaces(text)
    assert len(surfaces) == len(tokenizer.encode(text))
    whole = tokenizer.case(text).text if kind.true_case else text
    assert "".join("".join(surfaces).split()) == "".join(whole.split())


def test_placeholders_are_ids_with_a_kind(tokenizer):
    assert set(tokenizer.placeholders.values()) <= KINDS_OF_PLACEHOLDERS
    assert all(UNK <= i < tokenizer.vocabulary_size and i not in (PAD, GO, EOS) for i in tokenizer.placeholders)


def test_only_placeholders_can_be_filled(tokenizer):
    ids = tokenizer.encode(CORPUS[0])
    assert not set(ids) & set(tokenizer.placeholders)
    assert tokenizer.decode(ids, dict.fromkeys(range(len(ids)), "no")) == CORPUS[0]
    for i in tokenizer.placeholders:
        assert tokenizer.decode([GO, i, EOS], {1: "Zwölf"}) == "Zwölf"


@every_kind
@pytest.mark.parametrize("text", PRETENDERS)
def test_text_that_looks_special_is_ordinary(kind, text):
    """Also when the tokenizer was trained on text full of such words."""
    for each in (trained(kind), taught_pretenders(kind)):
        assert not {PAD, GO, EOS} & set(each.encode(text))
    taught = taught_pretenders(kind)
    assert not set(taught.encode(text)) & set(taught.placeholders)
    assert taught.decode(taught.encode(text)) == text
    assert not set(taught.pieces(taught.encode(text))) & {*SPECIAL_TOKENS, "[UNK]", "[NUM]", "[URL]"}


@cache
def taught_pretenders(kind):
    return kind.train([f"x {p} y {p}{p}" for p in PRETENDERS] * 20, vocabulary_size=500)


def test_batch_is_each_alone(tokenizer):
    texts = [*CORPUS, "", "unheard-of wörds 42 at x@y.org", " ".join(CORPUS)] * 40  # long enough for threads
    assert tokenizer.encode_batch(texts) == [tokenizer.encode(text) for text in texts]
    assert tokenizer.encode_batch([]) == []


def test_decode_skips_special_ids_and_shows_unknown_ones(tokenizer):
    ids = tokenizer.encode(CORPUS[0])
    assert tokenizer.decode([GO, *ids, EOS, PAD, PAD]) == CORPUS[0]
    assert tokenizer.decode([]) == tokenizer.decode([PAD, GO, EOS]) == ""
    mark = tokenizer.decode([UNK])
    assert mark in ("[UNK]", "\ufffd")
    shown = tokenizer.decode([UNK, *ids, UNK])
    assert shown.startswith(mark) and shown.endswith(mark)
    assert shown.removeprefix(mark).removesuffix(mark).strip()[1:] == CORPUS[0][1:]


def test_pieces_are_one_a_token(tokenizer):
    pieces = tokenizer.pieces(range(tokenizer.vocabulary_size))
    assert len(pieces) == len(set(pieces)) == tokenizer.vocabulary_size
    assert (pieces[PAD], pieces[GO], pieces[EOS]) == ("<pad>", "<go>", "<eos>")


@pytest.mark.parametrize("wrong", [-1, 10**6])
def test_id_outside_the_vocabulary_is_refused(tokenizer, wrong):
    for call in (tokenizer.decode, tokenizer.pieces):
        with pytest.raises(UserError, match=str(wrong)):
            call([NUM_SPECIAL, wrong])


def test_numpy_ids_decode(tokenizer):
    numpy = pytest.importorskip("numpy")
    text = "wholly unheard-of: Ω 42"
    ids = numpy.array(tokenizer.encode(text))
    assert tokenizer.decode(ids, filled(tokenizer, text)) == text
    assert tokenizer.pieces(ids) == tokenizer.pieces(ids.tolist())


def test_saved_loaded_and_pickled_it_is_the_same(tokenizer, tmp_path):
    TokenizerPair(tokenizer, tokenizer).save(tmp_path)
    texts = [*CORPUS, "zzz 12 <eos>", "again it turns", "The mill"]
    for other in (TokenizerPair.load(tmp_path).source, pickle.loads(pickle.dumps(tokenizer))):
        assert other.vocabulary_size == tokenizer.vocabulary_size
        assert other.placeholders == tokenizer.placeholders
        assert other.encode_batch(texts) == tokenizer.encode_batch(texts)
        assert other.pieces(range(other.vocabulary_size)) == tokenizer.pieces(range(tokenizer.vocabulary_size))


@pytest.mark.parametrize("name", NAMES)
def test_loading_from_nowhere_names_the_file(name, tmp_path):
    with pytest.raises(UserError, match=str(tmp_path.name)):
        TOKENIZERS.load(name).load(tmp_path / "nothing")


@every_kind
def test_training_is_deterministic_and_keeps_to_its_size(kind, tmp_path):
    written = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        tokenizer = kind.train(iter(CORPUS), vocabulary_size=340)
        TokenizerPair(tokenizer, tokenizer).save(folder)
        written.append({p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()})
    assert written[0] and written[0] == written[1]
    assert tokenizer.vocabulary_size <= 340 + kind.true_case


@every_kind
@pytest.mark.parametrize("texts", [[], [""], ["", "   "]])
def test_training_on_nothing_is_refused(kind, texts):
    with pytest.raises(UserError, match="no text"):
        kind.train(texts, vocabulary_size=400)


@every_kind
def test_vocabulary_too_small_is_refused(kind):
    with pytest.raises(UserError, match="too small"):
        kind.train(CORPUS, vocabulary_size=NUM_SPECIAL)


@every_kind
def test_a_vocabulary_larger_than_the_corpus_supports_is_as_large_as_it_can_be(kind):
    """A billion ids: no memory is taken for what nothing fills."""
    sizes = [kind.train(CORPUS, vocabulary_size=size).vocabulary_size for size in (20_000, 1_000_000_000)]
    assert sizes[0] == sizes[1] < 1000


@every_kind
def test_scripts_without_spaces_come_back(kind):
    texts = ["水車小屋の猫は魚を見ている。", "河边的磨坊还在转，水很清。", "กังหันน้ำหมุนช้าช้าทุกวัน", "ဘီးလည်သည်"] * 5
    tokenizer = kind.train(texts, vocabulary_size=600)
    for text in texts[:4]:
        assert tokenizer.decode(tokenizer.encode(text)) == text
        unheard = text[::-1]
        assert tokenizer.decode(tokenizer.encode(unheard), filled(tokenizer, unheard)) == unheard


def test_threads_do_not_disturb_each_other(tokenizer):
    texts = [f"{text} {n}" for n in range(50) for text in CORPUS[:5]]
    expected = [tokenizer.encode(text) for text in texts]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(tokenizer.encode, texts)) == expected


def test_importing_the_room_imports_nothing_heavy():
    modules = ["subwords", "words", "letters", "true_case", "segmentation", "pairs", "normaliser"]
    code = (
        f"import sys, {', '.join(f'seq2seq.text.{module}' for module in modules)}\n"
        "print([m for m in ('sentencepiece', 'numpy', 'torch', 'datasets') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
