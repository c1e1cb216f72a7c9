"""neighbours: which words a network holds for alike, read off its embeddings. Needs no network and no torch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seq import build
from seq2seq.bundle import Bundle, open_bundle
from seq2seq.errors import UserError, nearest
from seq2seq.text.characters import IDEOGRAPHS, UNSPACED_LETTERS
from seq2seq.text.normaliser import Normaliser
from seq2seq.text.pairs import TokenizerPair, plain
from seq2seq.text.placeholders import UNKNOWN
from seq2seq.text.special import NUM_SPECIAL, UNK
from seq2seq.text.tokenizer import Tokenizer

SIDES = ("source", "target")
WORD_START, GLUED = "\u2581", "\uffed"  # the marks of pieces: SentencePiece's, and that of the tokenizer on words


@dataclass(frozen=True)
class Neighbour:
    """A word, and the cosine of the angle between its vector and the asked word's."""

    word: str
    similarity: float


@dataclass(frozen=True)
class Answer:
    """What is near a word.

    Attributes:
        word: The word, as it was looked up.
        side: "source" or "target": whose embedding.
        pieces: What the vocabulary makes of it; where they are several, the mean of their vectors was compared.
        neighbours: The nearest words, the nearest first.
        placeholder: The kind of placeholder that it is alone, "num" or "url"; empty: it is an ordinary word.
    """

    word: str
    side: str
    pieces: tuple[str, ...]
    neighbours: tuple[Neighbour, ...]
    placeholder: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Returns the answer as JSON values."""
        return asdict(self)


class WordVectors:
    """The words of one side of a model, with their vectors.

    Args:
        tokenizer: Of that side.
        vectors: float32 [symbols, size], the embedding.
        normaliser: What all text goes through.
        side: "source" or "target".
    """

    def __init__(
        self, tokenizer: Tokenizer, vectors: NDArray[np.float32], normaliser: Normaliser, *, side: str = "source"
    ) -> None:
        self.side = side
        self._tokenizer, self._vectors, self._normaliser = tokenizer, vectors, normaliser
        self.ids = whole_words(tokenizer)
        self._words = list(self.ids)
        self._directions = _directions(vectors[list(self.ids.values())])

    def __len__(self) -> int:
        return len(self._words)

    def nearest(self, word: str, count: int) -> Answer:
        """Returns the `count` words whose vectors point most nearly where that of `word` does.

        similarity(a, b) = a . b / (|a| |b|). Among equals the more frequent word comes first.

        Raises:
            UserError: The word is not in the vocabulary; the nearest spelling is offered.
        """
        text, ids = self._looked_up(word)
        vector = self._vectors[ids].mean(axis=0)
        similarity = self._directions @ _directions(vector[None])[0]
        order = [i for i in np.argsort(-similarity, kind="stable").tolist() if self._words[i] != text]
        found = tuple(Neighbour(self._words[i], round(float(similarity[i]), 6)) for i in order[:count])
        kind = self._tokenizer.placeholders.get(ids[0], "") if len(ids) == 1 else ""
        return Answer(text, self.side, tuple(self._tokenizer.pieces(ids)), found, kind)

    def placed(self, num_words: int, extra: Sequence[str] = ()) -> tuple[list[str], NDArray[np.float32]]:
        """Returns words for a map and their directions: the `num_words` most frequent ones, and `extra` in any case.

        A vocabulary keeps no counts that all kinds share, but each orders its ids by frequency, or nearly so.
        """
        words = list(dict.fromkeys([*extra, *self._words[:num_words]]))
        vectors = [self._vectors[[self.ids[w]] if w in self.ids else self._looked_up(w)[1]].mean(axis=0) for w in words]
        return words, _directions(np.stack(vectors)) if vectors else self._directions[:0]

    def _looked_up(self, word: str) -> tuple[str, list[int]]:
        """Returns the normalised word, and the ids whose vectors are compared by their mean."""
        text = self._normaliser(word).strip()
        ids = [self.ids[text]] if text in self.ids else self._tokenizer.encode(text)
        if not ids:
            raise UserError("There is no word to look for.", hint="Give a word, for instance: milk")
        # An unknown word has an id for each way to stand: alone, or after another without a space.
        if any(i == UNK or self._tokenizer.placeholders.get(i) == UNKNOWN for i in ids):
            raise UserError(
                f"{text!r} is not in the {self.side} vocabulary of {len(self):,} words.",
                hint=nearest(text, self._words) if self._words else "",
            )
        pieces = dict(zip(ids, self._tokenizer.pieces(ids), strict=True))
        # A lone mark before a word in a script without spaces says nothing about the word.
        return text, [i for i in ids if pieces[i] != WORD_START] or ids


def whole_words(tokenizer: Tokenizer) -> dict[str, int]:
    """Returns the words that are one id, in the order of their ids, which is about that of their frequency.

    Of subwords these are the pieces that begin a word and that the word alone is cut into; in scripts without spaces,
    every piece. Numbers and punctuation marks are left out. A word with two ids, with and without a space before it,
    counts once, by the smaller one.
    """
    numbers = [i for i in range(NUM_SPECIAL, tokenizer.vocabulary_size) if i not in tokenizer.placeholders]
    words: dict[str, int] = {}
    for number, piece in zip(numbers, tokenizer.pieces(numbers), strict=True):
        word = _word_of(piece, tokenizer.name)
        if word:
            words.setdefault(word, number)
    if tokenizer.name != "sentencepiece":
        return words
    alone = dict(zip(words, tokenizer.encode_batch(list(words)), strict=True))
    return {word: i for word, i in words.items() if alone[word] == [i] or _unspaced().fullmatch(word)}


def _word_of(piece: str, kind: str) -> str:
    """Returns the word that a piece is, or nothing."""
    if kind == "sentencepiece" and not piece.startswith(WORD_START):
        return piece if _unspaced().fullmatch(piece) else ""
    if kind == "characters":
        return piece if len(piece) == 1 and piece.isalpha() else ""
    word = piece[1:] if len(piece) > 1 and piece[0] in (WORD_START, GLUED) else piece
    return word if any(c.isalpha() for c in word) and not any(c in word for c in (WORD_START, " ")) else ""


@lru_cache(maxsize=1)
def _unspaced() -> re.Pattern[str]:
    return re.compile(f"[{IDEOGRAPHS}{UNSPACED_LETTERS}]+")


def _directions(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns the vectors at length 1; zeros stay zeros, and are like nothing."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)


def open_words(given: Path, side: str) -> WordVectors:
    """Opens the words of one side of the model at `given`: a bundle, a run or a run's name.

    Raises:
        UserError: There is no model, or it is damaged.
    """
    bundle = open_bundle(given)
    tokenizers = TokenizerPair.load(bundle.tokenizers)
    vectors = _embedding(bundle, side)
    tokenizer = plain(getattr(tokenizers, side))  # a word stands alone here: no sentence's start changes its case
    if len(vectors) < tokenizer.vocabulary_size:
        raise UserError(
            f"{bundle.path} has {len(vectors)} vectors for {tokenizer.vocabulary_size} ids.", hint="It is damaged."
        )
    return WordVectors(tokenizer, vectors, build.normaliser(bundle.recipe.data), side=side)


def _embedding(bundle: Bundle, side: str) -> NDArray[np.float32]:
    """Reads one matrix of the weights; where both sides share it, it goes by the source's name."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(bundle.weights, framework="numpy") as weights:
            names = [name for name in (f"{side}_embedding.weight", "source_embedding.weight") if name in weights.keys()]  # noqa: SIM118
            if names:
                vectors: NDArray[np.float32] = weights.get_tensor(names[0])
                return vectors
    except (SafetensorError, OSError) as error:
        raise UserError(
            f"{bundle.weights} cannot be read: {error}.", hint="Train again, or restore the file."
        ) from None
    raise UserError(f"{bundle.weights} holds no embeddings.", hint="Train again, or restore the file.")


def draw_map(words: WordVectors, path: Path, *, num_words: int, answer: Answer | None = None) -> Mapping[str, Any]:
    """Draws the most frequent words where like ones lie together, and a word among its neighbours.

    Returns:
        What was drawn, as JSON values.

    Raises:
        UserError: The file's name does not end in .png, there are no words, or the file cannot be written.
    """
    from seq2seq.plots.vocabulary_map import lay_out, vocabulary_map

    check_map(path)
    marked = [answer.word, *(neighbour.word for neighbour in answer.neighbours)] if answer else []
    names, directions = words.placed(num_words, marked)
    if not names:
        raise UserError(f"The {words.side} vocabulary has no whole words to draw.")
    labelled = vocabulary_map(names, lay_out(directions), path, word=answer.word if answer else "", marked=marked[1:])
    return {"file": str(path), "words": len(names), "labelled": labelled}


def check_map(path: Path) -> None:
    """Refuses a picture's name that would surprise, before anything is read.

    Raises:
        UserError: It does not end in .png.
    """
    if path.suffix.lower() != ".png":
        raise UserError(f"The map is a PNG picture, and its name {path.name!r} does not end in .png.")
