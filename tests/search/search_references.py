"""Searches written for the eye: plain lists and recursion over `ToyModel.log_probs_after`, no batch, no state."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

from seq2seq.search.required import Progress


class Found(NamedTuple):
    ids: tuple[int, ...]
    log_prob: float
    score: float
    finished: bool
    worth: float  # what it is ranked by: with phrases the log-probability decides, without any the score


class Rules(NamedTuple):
    """What is asked of a translation beside its probability."""

    prefix: tuple[int, ...] = ()
    min_length: int = 0
    ngram: int = 0
    banned: tuple[tuple[int, ...], ...] = ()
    coverage: float = 0.0
    phrases: tuple[tuple[int, ...], ...] = ()

    def longest(self, limit):
        return max(limit, self.min_length, len(self.prefix) + self.missing(self.prefix))

    def may_follow(self, ids, value, eos):
        if value == eos:
            return len(ids) >= self.min_length and holds(ids, self.phrases)
        written = (*ids, value)
        ngrams = [written[i : i + self.ngram] for i in range(len(written) - self.ngram + 1)]
        repeats = self.ngram and ngrams.count(written[-self.ngram :]) > 1
        ends_banned = any(written[-len(b) :] == tuple(b) for b in self.banned)
        return not (repeats or ends_banned) or self.missing(written) < self.missing(ids)

    def missing(self, ids):
        """How many ids the phrases still need; see `test_required` for what proves this automaton."""
        if not self.phrases:
            return 0
        progress = progress_of(self.phrases)
        return progress.needed[progress.after_all(ids)]


NO_RULES = Rules()
progress_of = lru_cache(Progress)


def following(model, after, ids, limit, rules) -> list[int]:
    """The ids that may stand next, likeliest first."""
    if len(ids) < len(rules.prefix):
        return [rules.prefix[len(ids)]]
    if len(ids) == limit:
        return [model.eos]
    values = [v for v in range(model.vocabulary_size) if math.isfinite(after[v])]
    values = [v for v in values if rules.may_follow(ids, v, model.eos)]
    values = [v for v in values if v == model.eos or rules.missing((*ids, v)) <= limit - len(ids) - 1]
    return sorted(values, key=lambda v: (-after[v], v))


def coverage(model, key, ids, weight) -> float:
    """Wu et al. 2016, equation 14, with its floor."""
    if not weight:
        return 0.0
    rows = [model.attention_after(key, ids[:place]) for place in range(len(ids) + 1)]
    sums = [sum(float(row[i]) for row in rows) for i in range(len(rows[0]))]
    return weight * sum(math.log(min(max(total, 1e-3), 1.0)) for total in sums)


def end(model, key, ids, log_prob, *, limit, alpha, rules=NO_RULES) -> Found:
    """`ids` with an EOS after it, whose price `log_prob` still lacks."""
    after = model.log_probs_after(key, ids)
    total = log_prob + float(after[model.eos])
    plain = rules._replace(phrases=())
    allowed = [v for v in range(model.vocabulary_size) if v == model.eos or plain.may_follow(ids, v, model.eos)]
    own = len(ids) < limit or max(allowed, key=lambda v: (after[v], -v)) == model.eos
    penalty = coverage(model, key, ids, rules.coverage)
    score = total / (len(ids) + 1) ** alpha + penalty
    return Found(tuple(ids), total, score, own, total + penalty if rules.phrases else score)


def exhaustive(model, key, limit, alpha, *, rules=NO_RULES) -> list[Found]:
    """Every sequence there is that keeps to the rules, best first."""
    limit = rules.longest(limit)

    def after(ids, log_prob):
        log_probs, found = model.log_probs_after(key, ids), []
        for value in following(model, log_probs, ids, limit, rules):
            if value == model.eos:
                found.append(end(model, key, ids, log_prob, limit=limit, alpha=alpha, rules=rules))
            else:
                found += after((*ids, value), log_prob + float(log_probs[value]))
        return found

    return sorted(after((), 0.0), key=lambda f: -f.worth)


def beam(model, key, limit, alpha, *, size, nbest, rules=NO_RULES, prune=math.inf) -> list[Found]:
    """Beam search that runs every hypothesis to its end: no early stop. Not for phrases."""
    limit = rules.longest(limit)
    opened, pool = [((), 0.0)], []
    highest = -math.inf  # of all that ended
    while opened:
        continued = []
        for ids, log_prob in opened:
            after = model.log_probs_after(key, ids)
            allowed = following(model, after, ids, limit, rules)
            continued += [(ids, log_prob, v, log_prob + float(after[v])) for v in allowed]
        continued.sort(key=lambda c: -c[3])  # stable: higher hypothesis first, then the model's own order
        opened, least = [], max(highest, *(c[3] for c in continued[:1])) - prune if continued else 0.0
        for ids, log_prob, value, total in continued[:size]:
            if total < least:
                continue
            if value == model.eos:
                highest = max(highest, total)
                pool.append(end(model, key, ids, log_prob, limit=limit, alpha=alpha, rules=rules))
            else:
                opened.append(((*ids, value), total))
    return sorted(pool, key=lambda f: -f.score)[:nbest]


def greedy(model, key, limit, alpha, *, rules=NO_RULES) -> Found | None:
    """The likeliest token each time; None where none may follow."""
    limit = rules.longest(limit)
    ids, log_prob = (), 0.0
    while True:
        after = model.log_probs_after(key, ids)
        values = following(model, after, ids, limit, rules)
        if not values:
            return None
        if values[0] == model.eos:
            return end(model, key, ids, log_prob, limit=limit, alpha=alpha, rules=rules)
        ids, log_prob = (*ids, values[0]), log_prob + float(after[values[0]])


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
