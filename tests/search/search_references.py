"""Searches written for the eye: plain lists and recursion over `ToyModel.log_probs_after`, no batch, no state."""

from __future__ import annotations

import math
from typing import NamedTuple


class Found(NamedTuple):
    ids: tuple[int, ...]
    log_prob: float
    score: float
    finished: bool


def end(model, key, ids, log_prob, *, limit, alpha) -> Found:
    """`ids` with an EOS after it, whose price `log_prob` still lacks."""
    after = model.log_probs_after(key, ids)
    total = log_prob + float(after[model.eos])
    own = len(ids) < limit or int(after.argmax()) == model.eos
    return Found(tuple(ids), total, total / (len(ids) + 1) ** alpha, own)


def exhaustive(model, key, limit, alpha, *, prefix=(), ids=(), log_prob=0.0) -> list[Found]:
    """Every sequence there is that begins with `prefix`, best first."""
    after = model.log_probs_after(key, ids)
    found = []
    if len(ids) < len(prefix):
        following = [prefix[len(ids)]]
    else:
        found.append(end(model, key, ids, log_prob, limit=limit, alpha=alpha))
        following = range(model.vocabulary_size) if len(ids) < limit else []
    for value in following:
        if value != model.eos and math.isfinite(after[value]):
            longer, total = (*ids, value), log_prob + float(after[value])
            found += exhaustive(model, key, limit, alpha, prefix=prefix, ids=longer, log_prob=total)
    return sorted(found, key=lambda f: -f.score)


def beam(model, key, limit, alpha, *, size, nbest, prefix=()) -> list[Found]:
    """Beam search that runs every hypothesis to its end: no early stop."""
    limit = max(limit, len(prefix))
    opened, pool = [((), 0.0)], []
    for position in range(limit + 1):
        continued = []
        for ids, log_prob in opened:
            after = model.log_probs_after(key, ids)
            if position < len(prefix):
                allowed = [prefix[position]]
            elif position == limit:
                allowed = [model.eos]
            else:
                allowed = [v for v in range(model.vocabulary_size) if math.isfinite(after[v])]
            allowed.sort(key=lambda v: (-after[v], v))
            continued += [(ids, log_prob, v, log_prob + float(after[v])) for v in allowed]
        continued.sort(key=lambda c: -c[3])  # stable: higher hypothesis first, then the model's own order
        opened = []
        for ids, log_prob, value, total in continued[:size]:
            if value == model.eos:
                pool.append(end(model, key, ids, log_prob, limit=limit, alpha=alpha))
            else:
                opened.append(((*ids, value), total))
    return sorted(pool, key=lambda f: -f.score)[:nbest]


def greedy(model, key, limit, alpha, prefix=()) -> Found:
    """The likeliest token each time."""
    limit = max(limit, len(prefix))
    ids, log_prob = [], 0.0
    while len(ids) < limit:
        after = model.log_probs_after(key, ids)
        value = prefix[len(ids)] if len(ids) < len(prefix) else int(after.argmax())
        if value == model.eos:
            break
        log_prob += float(after[value])
        ids.append(value)
    return end(model, key, ids, log_prob, limit=limit, alpha=alpha)


def count(ids, phrase, continuing=()) -> int:
    """How often `phrase` stands in `ids`, its last word not gone on with."""
    ids, size = [*ids, None], len(phrase)
    return sum(
        tuple(ids[i : i + size]) == tuple(phrase) and ids[i + size] not in continuing for i in range(len(ids) - size)
    )


def holds(ids, phrases, continuing=()) -> bool:
    """Whether each phrase stands in `ids` as often as in `phrases`, those inside another phrase beside it."""
    continuing = set(continuing) - {p[0] for p in phrases}
    return all(count(ids, p, continuing) >= sum(count(q, p, continuing) for q in phrases) for p in phrases)


def rounded(found) -> list[tuple]:
    """What is compared: hypotheses and `Found`s alike."""
    return [(f.ids, round(f.log_prob, 9), round(f.score, 9), f.finished) for f in found]
