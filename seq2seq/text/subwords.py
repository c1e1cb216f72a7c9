"""Subwords learned from the corpus by SentencePiece, arranged so that no text is ever lost.

Kudo & Richardson 2018, "SentencePiece: a simple and language independent subword tokenizer"; byte-pair encoding after
Sennrich, Haddow & Birch 2016, the unigram model after Kudo 2018. Where we deviate from SentencePiece's defaults:
normalising is the `Normaliser`'s work and not repeated; characters outside the vocabulary fall back to their UTF-8
bytes, so UNK never occurs; and the library's own marks, U+2581 for a space and U+2585, are escaped, so that a user's
come back as themselves.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, Final, Self

from seq2seq.errors import UserError, nearest
from seq2seq.text.special import EOS, GO, NUM_SPECIAL, PAD, SPECIAL_TOKENS, UNK

MODELS: Final = ("bpe", "unigram")
FILE_NAME: Final = "sentencepiece.model"
SMALLEST_VOCABULARY: Final = NUM_SPECIAL + 256 + 16  # every byte needs an id, and a few characters beside them

_PLACEHOLDER: Final = "[UNK]"
_SPACE: Final = "\u2581"  # the library's mark for a space; it begins a piece or is one, and stands nowhere else
_ESCAPE: Final = "\ufdd0"  # a code point that Unicode promises never to give a character
# What the library would take for its own, and what stands for it instead; the escape itself comes first.
_ESCAPED: Final = {_ESCAPE: _ESCAPE + "0", _SPACE: _ESCAPE + "1", "\u2585": _ESCAPE + "2"}
# The result of the unigram model depends on this number in its last digits, so it is fixed and not the machine's own.
_TRAINING_THREADS: Final = 2
_LONGEST_BYTES: Final = 1 << 16  # longer texts the library drops without a word, so they are cut before
_LONGEST: Final = _LONGEST_BYTES // 4
RESERVED: Final = NUM_SPECIAL + 256  # ids that no character and no piece can have: the special ones and the bytes
_LEAST_COVERAGE: Final = 0.98  # the library accepts no less
_WORDS_REMEMBERED: Final = 1 << 16  # most text is made of few different words; about 15 MB when full
_LONGEST_REMEMBERED: Final = 64  # characters; without spaces a word is as long as a sentence, and comes once


class Subwords:
    """A tokenizer on a SentencePiece model; `decode(encode(text)) == text` for any text without lone surrogates.

    Args:
        model: The serialised SentencePiece model.

    Raises:
        UserError: `model` is no SentencePiece model, or one whose special ids are not ours.
    """

    name: ClassVar[str] = "sentencepiece"

    def __init__(self, model: bytes) -> None:
        import sentencepiece

        self._model = model
        self._processor = sentencepiece.SentencePieceProcessor()
        self._remembered: dict[str, list[int]] = {}
        try:
            self._processor.LoadFromSerializedProto(model)
        except RuntimeError as error:
            raise UserError("The tokenizer is no SentencePiece model, or is damaged.") from error
        p = self._processor
        if (p.pad_id(), p.unk_id(), p.bos_id(), p.eos_id()) != (PAD, UNK, GO, EOS):
            raise UserError(
                "The SentencePiece model has other special ids than PAD 0, UNK 1, GO 2 and EOS 3.",
                hint="Train the tokenizer with seq2seq.",
            )

    @property
    def vocabulary_size(self) -> int:
        """The number of ids, the special ones included."""
        return int(self._processor.GetPieceSize())

    def encode(self, text: str) -> list[int]:
        """Returns the ids of `text`, without GO and EOS; never a special id, since bytes stand in for UNK."""
        ids: list[int] = self._processor.EncodeAsIds(_escaped(text))
        return ids

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Returns what `encode` gives for each text, in order.

        Where that is the same, each word is cut once and remembered: several times faster on ordinary text. No thread
        is started, since who has millions of texts starts processes.
        """
        if self._adds_exactly:
            return self._by_words([_escaped(text).split(" ") if text else [] for text in texts])
        ids: list[list[int]] = self._processor.Encode([_escaped(text) for text in texts], num_threads=1)
        return ids

    @cached_property
    def _adds_exactly(self) -> bool:
        """Whether a word is cut in the same way whatever stands before it.

        No piece reaches over a space, so the best cut of a text is that of each of its words; but the library adds up
        the scores from the start of the text in 32 bits, and rounding may turn a tie. Byte-pair encoding's scores are
        small whole numbers, which add up exactly; the unigram model's are logarithms.
        """
        return all(score.is_integer() for _, score in self.lexicon().values())

    def _by_words(self, texts: list[list[str]]) -> list[list[int]]:
        """Returns the ids of texts that are cut into words at their spaces."""
        known, words = self._remembered, set(chain.from_iterable(texts))
        missing = list(words.difference(known))
        if len(known) + len(missing) > _WORDS_REMEMBERED:
            self._remembered = known = {}  # frequent words are soon back; no count of uses costs as little
            missing = list(words)
        known.update(zip(missing, self._processor.Encode(missing, num_threads=1), strict=True))
        known[""] = [self._processor.PieceToId(_SPACE)]
        ids = [list(chain.from_iterable(map(known.__getitem__, text))) for text in texts]
        # Another thread may be reading: what is remembered grows, or another takes its place, and nothing is taken out.
        if any(len(word) > _LONGEST_REMEMBERED for word in missing):
            known = {word: found for word, found in known.copy().items() if len(word) <= _LONGEST_REMEMBERED}
        self._remembered = known
        return ids

    def _word_ids(self, word: str) -> tuple[int, ...]:
        """Returns the ids of what stands between two spaces, with the one before it."""
        if not word:
            return (self._processor.PieceToId(_SPACE),)
        return tuple(self._processor.EncodeAsIds(word))

    @property
    def placeholders(self) -> Mapping[int, str]:
        """None: there is no text that these ids cannot write."""
        return {}

    def surfaces(self, text: str) -> list[str]:
        """Returns the text of each piece, with the space before it; of a character's bytes, the last one has it."""
        found: list[str] = []
        pending = bytearray()
        for i in self.encode(text):
            piece = self._processor.IdToPiece(i)
            if self._processor.IsByte(i):
                pending.append(int(piece[3:5], 16))  # "<0xE6>"
                found.append("")
                with suppress(UnicodeDecodeError):  # the beginning of a character
                    found[-1] = pending.decode("utf-8")
                    pending.clear()
            else:
                found.append(piece.replace(_SPACE, " "))
        if found:
            found[0] = found[0][1:]  # the space that the library puts before each text
        return _unescaped_parts(found, text)

    def decode(self, ids: Sequence[int], fill: Mapping[int, str] | None = None) -> str:
        """Returns the text of `ids`; PAD, GO and EOS are skipped, UNK prints as "[UNK]".

        Bytes that make no character, which only a model can put together, become U+FFFD.

        Args:
            ids: The ids.
            fill: Not used: there are no placeholders.

        Raises:
            UserError: An id is not in the vocabulary.
        """
        del fill
        kept = [int(i) for i in ids if i not in (PAD, GO, EOS)]
        self._check(kept)
        text: str = self._processor.DecodeIds(kept)
        if kept and kept[0] == UNK:
            text = text.removeprefix(" ")  # the space before the placeholder, at the very start
        return _unescaped(text)

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """Returns one printable token for each id; U+2581 in a piece marks a space."""
        plain = [int(i) for i in ids]
        self._check(plain)
        return [SPECIAL_TOKENS[i] if i < NUM_SPECIAL else self._processor.IdToPiece(i) for i in plain]

    def chunks(self, text: str) -> list[str]:
        """Returns the words of `text` in the library's spelling, U+2581 before each: no piece reaches into the next."""
        return (_SPACE + _escaped(text).replace(" ", f" {_SPACE}")).split(" ") if text else []

    def chunk_ids(self, chunk: str) -> tuple[int, ...]:
        """Returns the ids of one of the `chunks` of a text; those of all its chunks are `encode` of the text."""
        return self._word_ids(chunk[1:])

    def byte_ids(self, text: str) -> list[int]:
        """Returns the ids of the bytes of `text`, a part of one of the `chunks`."""
        return [self._processor.PieceToId(f"<0x{byte:02X}>") for byte in text.encode("utf-8", "replace")]

    def lexicon(self) -> dict[str, tuple[int, float]]:
        """Returns the pieces that a text can be cut into, with the id and the score of each.

        Of byte-pair encoding, the scores are the order of the merges, the first the highest; of the unigram model, they
        are natural logarithms of probabilities.
        """
        p = self._processor
        numbers = (i for i in range(NUM_SPECIAL, self.vocabulary_size) if not (p.IsByte(i) or p.IsUnused(i)))
        return {p.IdToPiece(i): (i, p.GetScore(i)) for i in numbers}

    def save(self, folder: Path) -> None:
        """Writes `sentencepiece.model` into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FILE_NAME).write_bytes(self._model)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Returns the tokenizer that was saved in `folder`.

        Raises:
            UserError: The model file is missing or damaged.
        """
        path = folder / FILE_NAME
        try:
            model = path.read_bytes()
        except OSError as error:
            raise UserError(f"The tokenizer's file {path} cannot be read: {error.strerror}.") from error
        try:
            return cls(model)
        except UserError as error:
            raise UserError(f"{path}: {error.message}", hint=error.hint) from error

    @classmethod
    def train(cls, texts: Iterable[str], *, vocabulary_size: int, seed: int = 1, model: str = "bpe") -> Self:
        """Learns subwords from normalised texts, all of which are held in memory meanwhile.

        Args:
            texts: One sentence each.
            vocabulary_size: The most ids wanted, of which 260 are special ids and bytes; a small corpus gives fewer.
            seed: Unused: learning sees every text, in order, and nothing is drawn by chance.
            model: "bpe" or "unigram".

        Raises:
            UserError: No text, an unknown model, or a vocabulary too small for bytes and characters.
        """
        del seed
        if model not in MODELS:
            raise UserError(f"There is no SentencePiece model called {model!r}.", hint=nearest(model, list(MODELS)))
        if vocabulary_size < SMALLEST_VOCABULARY:
            raise UserError(
                f"A subword vocabulary of {vocabulary_size} ids is too small: bytes and special ids take {RESERVED}.",
                hint=f"Set vocabulary_size to {SMALLEST_VOCABULARY} or more.",
            )
        kept = [part for text in texts if text and not text.isspace() for part in _parts(_escaped(text))]
        if not kept:
            raise UserError("There is no text to learn subwords from.", hint="Check the training files.")
        coverage = _coverage(kept, vocabulary_size=vocabulary_size)
        return cls(_trained(kept, vocabulary_size=vocabulary_size, model=model, coverage=coverage))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._model,)

    def _check(self, ids: Sequence[int]) -> None:
        """Refuses an id outside the vocabulary, which the library would answer with an error of its own."""
        if ids and not (min(ids) >= 0 and max(ids) < self.vocabulary_size):
            wrong = next(i for i in ids if not 0 <= i < self.vocabulary_size)
            raise UserError(f"The id {wrong} is not in the vocabulary of {self.vocabulary_size} ids.")


def _trained(texts: list[str], *, vocabulary_size: int, model: str, coverage: float) -> bytes:
    """Returns the serialised model that SentencePiece learns from `texts`."""
    import sentencepiece

    written = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.Train(
            sentence_iterator=iter(texts),
            model_writer=written,
            model_type=model,
            vocab_size=min(vocabulary_size, _most_ids(texts)),  # it takes memory for all that it is asked for
            hard_vocab_limit=False,
            character_coverage=coverage,
            pad_id=PAD,
            unk_id=UNK,
            bos_id=GO,
            eos_id=EOS,
            pad_piece=SPECIAL_TOKENS[PAD],
            unk_piece=SPECIAL_TOKENS[UNK],
            bos_piece=SPECIAL_TOKENS[GO],
            eos_piece=SPECIAL_TOKENS[EOS],
            unk_surface=f" {_PLACEHOLDER}",
            byte_fallback=True,
            normalization_rule_name="identity",
            remove_extra_whitespaces=False,
            add_dummy_prefix=True,
            required_chars=_SPACE,
            max_sentence_length=_LONGEST_BYTES,
            num_threads=_TRAINING_THREADS,
            minloglevel=2,
        )
    except RuntimeError as error:
        raise UserError(
            f"SentencePiece could not learn a vocabulary of {vocabulary_size} ids: {error}",
            hint="Try another vocabulary_size.",
        ) from error
    return written.getvalue()


def _most_ids(texts: list[str]) -> int:
    """Returns a number of ids that no vocabulary of these texts can reach: each character would begin a new piece."""
    return SMALLEST_VOCABULARY + sum(len(text) + 1 for text in texts)


def _coverage(texts: list[str], *, vocabulary_size: int) -> float:
    """Returns the share of all characters that get an id of their own; the others are left to their bytes.

    SentencePiece gives an id to every character it covers. A script of thousands of characters would leave no room for
    subwords, so characters get at most half of the ids that bytes leave, or as many as the library's least coverage
    needs.

    Raises:
        UserError: Even those do not fit.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    counts[" "] += len(texts)  # the space that the library puts before each sentence
    room = vocabulary_size - RESERVED
    if len(counts) <= room // 2:
        return 1.0
    num_needed = characters_needed(counts)
    if num_needed > room:
        raise UserError(
            f"A subword vocabulary of {vocabulary_size} ids is too small: bytes and special ids take {RESERVED}, and "
            f"{num_needed} characters make up {_LEAST_COVERAGE:.0%} of the text.",
            hint=f"Set vocabulary_size to {RESERVED + 2 * num_needed} or more.",
        )
    shares = [count / counts.total() for count in sorted(counts.values(), reverse=True)]
    return max(sum(shares[: room // 2]), _LEAST_COVERAGE)


def characters_needed(counts: Counter[str]) -> int:
    """Returns how many characters must have an id of their own: the most frequent of those in `counts`."""
    total, reached = counts.total(), 0
    for number, count in enumerate(sorted(counts.values(), reverse=True), start=1):
        reached += count
        if reached >= _LEAST_COVERAGE * total:
            return number
    return 0


def _parts(text: str) -> list[str]:
    """Returns a text in parts that the library takes: almost always one."""
    return [text[begin : begin + _LONGEST] for begin in range(0, len(text), _LONGEST)]


def _escaped(text: str) -> str:
    if text.isascii() or not any(mark in text for mark in _ESCAPED):
        return text
    for mark, escape in _ESCAPED.items():
        text = text.replace(mark, escape)
    return text


def _unescaped(text: str) -> str:
    if _ESCAPE in text:
        for mark, escape in reversed(_ESCAPED.items()):
            text = text.replace(escape, mark)
    return text


def _unescaped_parts(parts: list[str], text: str) -> list[str]:
    """Returns the parts of an escaped text as parts of `text`; of an escape cut in two, the first half is it."""
    if not any(_ESCAPE in part for part in parts):
        return parts
    original = iter([half for c in text for half in ((c, "") if c in _ESCAPED else (c,))])
    return ["".join(next(original) for _ in part) for part in parts]
