"""How a translation is written: columns with tabs between, or one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from seq2seq.translating.translation import Translation, one_line


@dataclass(frozen=True)
class Format:
    """What is written for each translation.

    Without `as_json`, columns separated by tabs: the input's number from 1 (with nbest), the score (with nbest or
    scores), the translation, the alignment (with attention). With it, one JSON object a line of input, which holds the
    terms of the glossary that were found (with terms), and the source's tokens and the attention (with attention). Of a
    line that was translated in parts, it holds those parts instead of the whole's attention, each with its own.

    A translation is one line in every format: where its parts are joined by a tab of the source, a space stands.
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
    columns.append(one_line(one.text))
    if form.attention:
        columns.append(alignment(one))
    return "\t".join(columns)


def alignment(one: Translation) -> str:
    """Returns the source piece that each target piece looked at most: "source-target" pairs from 0, EOS on no side."""
    return " ".join(f"{source}-{target}" for source, target in one.alignment)


def _json_line(number: int, translation: Translation, form: Format) -> str:
    value = {"number": number, "source": translation.source, **_as_dict(translation, form)}
    if form.terms:
        value["terms"] = [list(term) for term in translation.terms]
    if form.nbest > 1:
        value["nbest"] = [_as_dict(one, form) for one in _ranked(translation)]
    return json.dumps(value, ensure_ascii=False)


def _as_dict(one: Translation, form: Format) -> dict[str, Any]:
    value: dict[str, Any] = {
        "translation": one_line(one.text),
        "score": one.score,
        "log_prob": one.log_prob,
        "tokens": one.tokens,
        "token_log_probs": one.token_log_probs,
    }
    if one.utility is not None:
        value["utility"] = one.utility
    if form.attention:
        value["source_tokens"] = one.source_tokens
        if one.attention is not None:
            value["attention"] = one.attention.tolist()
        if one.parts:
            value["parts"] = [{"source": part.source, **_as_dict(part, form)} for part in one.parts]
    return value


def _ranked(translation: Translation) -> Iterator[Translation]:
    yield from translation.nbest or [translation]
