"""Every tokenizer of the registry keeps the contract of `seq2seq.text.tokenizer`."""

from __future__ import annotations

import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
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
from seq2seq.text.special import EOS, GO, NUM_SPECIAL, PAD, SPECIAL_TOKENS, UNK

CORPUS = [
    "The miller's daughter walks to the old mill, again and again.",
    "Das alte Mühlrad dreht sich noch: langsam, aber stetig!",
    "Où est la clé du moulin ? Elle pend près de la porte.",
    "Twelve geese cross the road (slowly) while the carter waits.",
    "水車はまだ回っている。",
] * 3
NAMES = sorted(TOKENIZERS)
REQUIRED = {"name", "vocabulary_size", "encode", "encode_batch", "decode", "pieces", "save", "load", "train"}
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40).map(Normaliser())
PRETENDERS = [*SPECIAL_TOKENS, "<s>", "</s>", "[UNK]", "[NUM]", "[URL]", "<0x41>", "<pad><unk><go><eos>", "a<go>b"]


@cache
def trained(name):
    return TOKENIZERS.load(name).train(CORPUS, vocabulary_size=400, seed=1)


@pytest.fixture(params=NAMES)
def tokenizer(request):
    return trained(request.param)


def test_every_tokenizer_of_the_room_is_registered():
    registered = {TOKENIZERS.load(name) for name in TOKENIZERS}
    for path in Path(seq2seq.text.__file__).parent.glob("*.py"):
        module = import_module(f"seq2seq.text.{path.stem}") if path.stem != "__init__" else seq2seq.text
        for value in vars(module).values():
            if isinstance(value, type) and value.__module__ == module.__name__ and not hasattr(value, "_is_protocol"):
                assert not hasattr(value, "encode_batch") or value in registered, f"{value} is not in the registry"


@pytest.mark.parametrize("name", NAMES)
def test_class_keeps_the_protocol_and_carries_its_registry_name(name):
    member = TOKENIZERS.load(name)
    assert set(dir(member)) >= REQUIRED
    assert member.name == name
    import inspect

    settings_taken = inspect.signature(member.train).parameters
    assert set(settings_taken) >= {"texts", "vocabulary_size", "seed", *TOKENIZERS.member(name).settings}
    for key, default in TOKENIZERS.member(name).settings.items():
        assert settings_taken[key].default == default


def test_known_text_comes_back(tokenizer):
    for text in CORPUS:
        assert tokenizer.decode(tokenizer.encode(text)) == text


@settings(max_examples=100, deadline=None)
@given(text=TEXTS)
@pytest.mark.parametrize("name", NAMES)
def test_text_never_gives_a_special_id(name, text):
    ids = trained(name).encode(text)
    assert all(i == UNK or NUM_SPECIAL <= i < trained(name).vocabulary_size for i in ids)
    assert bool(ids) == bool(text)
    assert len(trained(name).pieces(ids)) == len(ids)


@pytest.mark.parametrize("text", PRETENDERS)
def test_text_that_looks_special_is_ordinary(tokenizer, text):
    """Also when the tokenizer was trained on text full of such words."""
    taught = type(tokenizer).train([f"x {p} y {p}{p}" for p in PRETENDERS] * 20, vocabulary_size=500, seed=1)
    for each in (tokenizer, taught):
        assert not {PAD, GO, EOS} & set(each.encode(text))
    assert UNK not in taught.encode(text)
    assert taught.decode(taught.encode(text)) == text
    assert not set(taught.pieces(taught.encode(text))) & {*SPECIAL_TOKENS, "[UNK]", "[NUM]", "[URL]"}


def test_batch_is_each_alone(tokenizer):
    texts = [*CORPUS, "", "unheard-of wörds 42 at x@y.org", " ".join(CORPUS)] * 40  # long enough for threads
    assert tokenizer.encode_batch(texts) == [tokenizer.encode(text) for text in texts]
    assert tokenizer.encode_batch([]) == []


def test_decode_skips_special_ids_and_shows_unknown_ones(tokenizer):
    ids = tokenizer.encode(CORPUS[0])
    assert tokenizer.decode([GO, *ids, EOS, PAD, PAD]) == CORPUS[0]
    assert tokenizer.decode([]) == tokenizer.decode([PAD, GO, EOS]) == ""
    assert tokenizer.decode([UNK]) == "[UNK]"
    assert tokenizer.decode([UNK, *ids, UNK]) == f"[UNK] {CORPUS[0]} [UNK]"


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
    assert tokenizer.decode(numpy.array(tokenizer.encode(CORPUS[1]))) == CORPUS[1]


def test_saved_loaded_and_pickled_it_is_the_same(tokenizer, tmp_path):
    tokenizer.save(tmp_path / "new" / "folder")
    texts = [*CORPUS, "zzz 12 <eos>"]
    for other in (type(tokenizer).load(tmp_path / "new" / "folder"), pickle.loads(pickle.dumps(tokenizer))):
        assert other.vocabulary_size == tokenizer.vocabulary_size
        assert other.encode_batch(texts) == tokenizer.encode_batch(texts)
        assert other.pieces(range(other.vocabulary_size)) == tokenizer.pieces(range(tokenizer.vocabulary_size))


def test_loading_from_nowhere_names_the_file(tokenizer, tmp_path):
    with pytest.raises(UserError, match=str(tmp_path.name)):
        type(tokenizer).load(tmp_path / "nothing")


def test_training_is_deterministic_and_keeps_to_its_size(tokenizer, tmp_path):
    for folder in ("one", "two"):
        type(tokenizer).train(iter(CORPUS), vocabulary_size=340, seed=1).save(tmp_path / folder)
    files = sorted(p.name for p in (tmp_path / "one").iterdir())
    assert files and files == sorted(p.name for p in (tmp_path / "two").iterdir())
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert type(tokenizer).load(tmp_path / "one").vocabulary_size <= 340


@pytest.mark.parametrize("texts", [[], [""], ["", "   "]])
def test_training_on_nothing_is_refused(tokenizer, texts):
    with pytest.raises(UserError, match="no text"):
        type(tokenizer).train(texts, vocabulary_size=400, seed=1)


def test_vocabulary_too_small_is_refused(tokenizer):
    with pytest.raises(UserError, match="too small"):
        type(tokenizer).train(CORPUS, vocabulary_size=NUM_SPECIAL, seed=1)


def test_threads_do_not_disturb_each_other(tokenizer):
    texts = [f"{text} {n}" for n in range(50) for text in CORPUS[:5]]
    expected = [tokenizer.encode(text) for text in texts]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(tokenizer.encode, texts)) == expected


def test_importing_the_room_imports_nothing_heavy():
    code = (
        "import sys, seq2seq.text.subwords, seq2seq.text.words, seq2seq.text.pairs, seq2seq.text.normaliser\n"
        "print([m for m in ('sentencepiece', 'numpy', 'torch', 'datasets') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
