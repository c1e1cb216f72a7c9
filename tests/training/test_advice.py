"""Advice where nothing is learned, once, and none where something is."""

from __future__ import annotations

import math

import numpy as np
import pytest
from toy_training import Plain, Planned, single_trainer, square

from seq2seq.training import advice
from seq2seq.training.advice import ALIKE_LOOKS, FLAT_UPDATES, Advisor, chance_loss
from seq2seq.training.trainer import Limits


def advisor(chance: float | None = 6.0, warmup: int = 100) -> Advisor:
    return Advisor(warmup_updates=warmup, learning_rate=0.01, chance=None if chance is None else lambda: chance)


def given(advisor: Advisor, losses) -> list[tuple[int, str]]:
    found = ((update, advisor.after_update(update, loss)) for update, loss in enumerate(losses, start=1))
    return [(update, advice.about) for update, advice in found if advice is not None]


def test_a_flat_loss_at_the_level_of_chance_is_advised_on_once() -> None:
    assert given(advisor(), [6.1] * 3000) == [(100 + FLAT_UPDATES, "flat loss")]
    assert given(advisor(warmup=0), [9.0 - 0.001 * n for n in range(3000)] + [6.0] * 600)[0][1] == "flat loss"


@pytest.mark.parametrize(
    ("losses", "chance"),
    [
        ([6.1] * (100 + FLAT_UPDATES - 1), 6.0),  # not for long enough
        ([5.0] * 3000, 6.0),  # flat, and better than chance: trained
        ([9.0 * 0.9999**n for n in range(3000)], 6.0),  # slow, and falling
        ([None] * 3000, 6.0),
        ([6.1] * 3000, None),
    ],
)
def test_others_are_not(losses, chance) -> None:
    assert given(advisor(chance), losses) == []


def test_the_level_of_chance_is_asked_for_only_where_the_loss_is_flat() -> None:
    asked = []
    one = Advisor(warmup_updates=0, learning_rate=0.01, chance=lambda: asked.append(1) or 3.0)
    given(one, [9.0 * 0.99**n for n in range(300)])
    assert asked == []
    given(one, [4.0] * 3000)
    assert asked == [1]


def test_the_same_output_for_everything_is_advised_on_once_after_several_looks() -> None:
    one = advisor()
    scores = [{"variety": 0.0}] * 10
    told = [one.after_look(100 * n, s) for n, s in enumerate(scores)]
    assert [n for n, advice in enumerate(told) if advice] == [1 + ALIKE_LOOKS]  # the looks at 0 and 100 do not count
    two = advisor()
    mixed = [{"variety": 0.0}, {"variety": 0.0}, {"variety": 0.1}] * 4 + [{}] * 5
    assert not any(two.after_look(1000 + n, s) for n, s in enumerate(mixed))


def test_what_was_noticed_comes_back() -> None:
    whole, part = advisor(), advisor()
    losses = [6.1] * 1500
    wanted = given(whole, losses)
    first = given(part, losses[:400])
    state, part = part.state(), advisor()
    part.restore(state)
    rest = [
        (n, told.about)
        for n, loss in enumerate(losses[400:], start=401)
        if (told := part.after_update(n, loss)) is not None
    ]
    assert first + rest == wanted
    assert whole.state() == part.state()


def test_the_loss_of_chance_is_the_entropy_of_the_words() -> None:
    assert chance_loss(np.array([5, 5, 5, 5])) == pytest.approx(math.log(4))
    assert chance_loss(np.array([7, 0, 0])) == 0.0
    p = np.array([0.5, 0.25, 0.25, 0.0])
    q = 0.9 * p + 0.1 / 4
    # No other guess has a lower loss on smoothed labels; the words' shares themselves have a higher one.
    found = chance_loss(np.array([2, 1, 1, 0]), label_smoothing=0.1)
    assert found == pytest.approx(-(q * np.log(q)).sum())
    assert found < -(q * np.log(0.97 * p + 0.03 / 4)).sum()


def test_a_training_says_it_writes_it_and_a_resumed_one_does_not_repeat_it(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(advice, "FLAT_UPDATES", 30)

    def constant(model, batch):
        return square(model, batch) * 0.0 + 2.0 * batch.num_tokens

    def run(updates: int):
        trainer = single_trainer(
            tmp_path,
            objective=Plain(constant),
            validator=lambda model: {"bleu": 0.0, "variety": 0.0},
            limits=Limits(max_updates=updates),
            validate_every=10,
            batches=Planned(200),
            chance=lambda: 2.0,
        )
        trainer.resume()
        trainer.run()
        return trainer

    told = run(40).reporter.told
    assert len(told) == 1
    assert "every development sentence was given the same translation" in told[0]
    again = run(80)
    (said,) = again.reporter.told
    assert "no better than guessing words by how often they occur (2.00)" in said
    assert "--restart --set training.learning_rate=0.025" in said
    rows = [(row["about"], row["text"]) for row in again.log.rows() if row["kind"] == "advice"]
    assert [about for about, _ in rows] == ["same output", "flat loss"]
    assert rows[1][1] == said


def test_a_second_stage_is_told_of_its_own_rate():
    rate = "training.risk.learning_rate"
    one = Advisor(warmup_updates=0, learning_rate=0.01, chance=None, rate_setting=rate).fresh()
    for update in (1, 2, 3):
        found = one.after_look(update, {"variety": 0.0})
    assert f"--resume --set {rate}=0.0025" in found.text
