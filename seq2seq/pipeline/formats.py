"""How a translation is written: columns with tabs between, or one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from seq2seq.translation import Translation


@dataclass(frozen=True)
class Format:
    """What is written for each translation.

    Without `as_json`, columns separated by tabs: the input's number from 1 (with nbest), the score (with nbest or
    scores), the translation, the alignment (with attention). With it, one JSON object a line of input, which holds the
    terms of the glossary that were found (with terms).
    """

    nbest: int = 1
    scores: bool = False
    attention: bool = False
    as_json: bool = False
    terms: bool = False

    @property
    def is_numbered(self) -> bool:
        """Whether each line says which line of the input it belongs to."""
        return self.as_json or self.nbest > 1

    def __call__(self, number: int, translation: Translation) -> str:
        """Returns what is written for line `number` of the input, from 1: one line or, with nbest, several."""
        if self.as_json:
            return _json_line(number, translation, self)
        return "\n".join(_columns(number, one, self) for one in _ranked(translation))


def _columns(number: int, one: Translation, form: Format) -> str:
    columns = [str(number)] if form.nbest > 1 else []
    if form.scores or form.nbest > 1:
        columns.append(f"{one.score:.4f}")
    columns.append(one.text)
    if form.attention:
        columns.append(alignment(one))
    return "\t".join(columns)


def alignment(one: Translation) -> str:
    """Returns the source piece that each target piece looked at most: "source-target" pairs from 0, EOS on no side."""
    return " ".join(f"{source}-{target}" for source, target in one.alignment)


def _json_line(number: int, translation: Translation, form: Format) -> str:
    value = {"number": number, "source": translation.source, **_as_dict(translation)}
    if form.terms:
        value["terms"] = [list(term) for term in translation.terms]
    if form.nbest > 1:
        value["nbest"] = [_as_dict(one) for one in _ranked(translation)]
    return json.dumps(value, ensure_ascii=False)


def _as_dict(one: Translation) -> dict[str, Any]:
    value: dict[str, Any] = {
        "translation": one.text,
        "score": one.score,
        "log_prob": one.log_prob,
        "tokens": one.tokens,
        "token_log_probs": one.token_log_probs,
    }
    if one.attention is not None:
        value |= {"source_tokens": one.source_tokens, "attention": one.attention.tolist()}
    return value


def _ranked(translation: Translation) -> Iterator[Translation]:
    yield from translation.nbest or [translation]
