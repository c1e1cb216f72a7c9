"""Word vectors as text: which of a vocabulary's tokens a file has a vector for.

One line a word: the word, then its values, spaces between. word2vec and fastText put a line with the number of words
and of values before them, GloVe does not; both are read. A file has millions of words and a vocabulary thousands, so
lines are read one after another and only the vocabulary's are kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seq2seq.errors import UserError

_WORD_START: Final = "\u2581"  # before a subword that begins a word
_GLUED: Final = "\uffed"  # before a word that follows its left neighbour without a space


class Form(NamedTuple):
    """One spelling under which a token may stand in a file.

    Attributes:
        token: The token's id.
        rank: 0 for the best spelling of this token.
        inside: Whether the token is a piece from inside a word: a whole word of the same letters is another thing, so
            it counts only where the file has pieces, too.
    """

    token: int
    rank: int
    inside: bool


@dataclass(frozen=True)
class Found:
    """What a file has.

    Attributes:
        tokens: int64 [covered], the ids that have a vector, in ascending order.
        vectors: float32 [covered, size], their vectors.
        num_words: How many words the file has.
    """

    tokens: NDArray[np.int64]
    vectors: NDArray[np.float32]
    num_words: int


def spellings(tokens: Mapping[int, str], *, subwords: bool) -> dict[bytes, list[Form]]:
    """Returns under which words of a file each token may be found, the words in UTF-8.

    A token is looked for as it is, then in lower case, then without the mark that it begins a word ("▁dog": "dog"),
    and then so in lower case. A mark that no space stands before a word is nothing that a file could know, and goes.

    Args:
        tokens: The tokens that need a vector, by id.
        subwords: Whether tokens are pieces of words, those at a word's beginning marked.
    """
    found: dict[bytes, list[Form]] = {}
    for number, token in tokens.items():
        plain = token[1:] if len(token) > 1 and token[0] in (_GLUED, _WORD_START) else token
        whole = plain if token[0] == _GLUED else token
        inside = subwords and plain == token and any(c.isalnum() for c in token)
        for rank, form in enumerate(dict.fromkeys((whole, whole.lower(), plain, plain.lower()))):
            found.setdefault(form.encode("utf-8", "replace"), []).append(Form(number, rank, inside))
    return found


def read_vectors(lines: Iterable[bytes], wanted: Mapping[bytes, Sequence[Form]], *, size: int, name: str) -> Found:
    """Reads the vectors of the wanted words; of a word that stands there twice, the first one.

    Every line's number of values is checked; the values themselves only where the word is wanted, since reading
    millions of numbers that nobody needs would take minutes.

    Args:
        lines: The file's lines, without terminators.
        wanted: What `spellings` gave.
        size: How many values a vector must have.
        name: What errors call the file.

    Raises:
        UserError: The vectors have another size, or a line has; a value is not a number, or not a finite one.
    """
    best: dict[int, tuple[int, NDArray[np.float32]]] = {}
    inner: dict[int, tuple[int, NDArray[np.float32]]] = {}
    num_words, has_pieces = 0, False
    start = _WORD_START.encode()
    for number, raw in enumerate(lines, start=1):
        line = raw.rstrip()
        if not line:
            continue
        if number == 1 and _check_first(line, size, name):
            continue
        num_words += 1
        word, values = _word(line, size, name, number)
        forms = wanted.get(word)
        if forms is None:
            continue
        has_pieces = has_pieces or (word.startswith(start) and word.replace(start, b"") != b"")
        vector = _vector(values, name, number)
        for token, rank, inside in forms:
            kept = inner if inside else best
            if token not in kept or rank < kept[token][0]:
                kept[token] = (rank, vector)
    if has_pieces:
        best |= inner
    tokens = sorted(best)
    vectors = np.stack([best[token][1] for token in tokens]) if tokens else np.zeros((0, size), np.float32)
    return Found(np.asarray(tokens, np.int64), vectors, num_words)


def usual_spread(vectors: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
    """Scales all vectors by one factor, so that they are as long as the embeddings of a new network: 1, in the mean.

    factor = 1 / sqrt(mean_i |v_i|^2). Files differ: vectors are 1 to 10 long, and an output layer that shares them
    would start from scores ten times too large. Angles, and which of two vectors is the longer, stay as they are.

    Returns:
        The scaled vectors and the factor; 1 where all of them are zero.
    """
    mean = float(np.mean(np.square(vectors, dtype=np.float64).sum(axis=1))) if len(vectors) else 0.0
    factor = 1.0 / math.sqrt(mean) if mean else 1.0
    # In 64 bits: the factor of vectors that are nearly zero is larger than a number of 32 bits can be.
    return (vectors.astype(np.float64) * factor).astype(np.float32), factor


def _check_first(line: bytes, size: int, name: str) -> bool:
    """Checks what the first line says of the size of the vectors. Returns whether it is a header, and no word."""
    fields = line.split()
    header = len(fields) == 2 and all(field.isdigit() for field in fields)
    if header:
        found = int(fields[1])
    else:
        found = next((n for n, field in enumerate(reversed(fields[1:])) if _number(field) is None), len(fields) - 1)
    if found == 0 or b"\0" in line:
        raise UserError(
            f"{name}, line 1: a word and its values are needed, with spaces between.",
            hint="Give vectors as text: word2vec's text form, GloVe's, or fastText's .vec.",
        )
    if found != size:
        raise UserError(
            f"{name} has vectors of {found} values, and model.embedding_size is {size}.",
            hint=f"Use --set model.embedding_size={found}, or a file of vectors of {size} values.",
        )
    return header


def _word(line: bytes, size: int, name: str, number: int) -> tuple[bytes, list[bytes] | bytes]:
    """Divides a line into its word and its values, which are split only where that was needed to find the word."""
    word, _, rest = line.partition(b" ")
    if word and rest.count(b" ") == size - 1 and b"  " not in line:
        return word, rest
    fields = line.split()
    surplus = fields[1 : len(fields) - size]
    # Words with spaces inside occur in GloVe's files; but more numbers than a vector has make no word.
    if len(fields) <= size or (surplus and all(_number(field) is not None for field in surplus)):
        raise UserError(
            f"{name}, line {number}: {len(fields) - 1} values stand after the word, and the others have {size}.",
            hint="The file is damaged, or is no text: copy or download it again.",
        )
    return b" ".join(fields[:-size]), fields[-size:]


def _vector(values: list[bytes] | bytes, name: str, number: int) -> NDArray[np.float32]:
    fields = values.split() if isinstance(values, bytes) else values
    with np.errstate(over="ignore"):
        vector = np.asarray([math.nan if (v := _number(field)) is None else v for field in fields], np.float32)
    if not np.isfinite(vector).all():
        wrong = fields[int(np.flatnonzero(~np.isfinite(vector))[0])].decode("utf-8", "replace")
        raise UserError(
            f"{name}, line {number}: {wrong[:40]!r} is no value of a vector: a finite number is needed.",
            hint="The file is damaged, or is no text: copy or download it again.",
        )
    return vector


def _number(field: bytes) -> float | None:
    try:
        return float(field)
    except ValueError:
        return None
