"""Dropout: what the masks share, and that the mean stays."""

from __future__ import annotations

import pytest
import torch

from seq2seq.nn.dropout import LockedDropout, WordDropout

ONES = torch.ones(200, 5, 100)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_locked_masks_are_one_for_all_positions_and_differ_elsewhere(share: float) -> None:
    dropped = LockedDropout(share).train()(ONES)
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    assert (dropped[0] != dropped[1]).any()
    assert (dropped[..., 0] != dropped[..., 1]).any()
    # 20,000 draws: the share kept is within five standard deviations of its expectation, and the mean is 1.
    kept = (dropped[:, 0] != 0).double().mean().item()
    assert kept == pytest.approx(1 - share, abs=5 * (share * (1 - share) / 20_000) ** 0.5)
    torch.testing.assert_close(dropped[dropped != 0], torch.full_like(dropped[dropped != 0], 1 / (1 - share)))


def test_a_new_mask_is_drawn_at_every_call() -> None:
    dropout = LockedDropout(0.5).train()
    assert (dropout(ONES) != dropout(ONES)).any()
    assert dropout.mask(3, 4, ONES).shape == (3, 4)


@pytest.mark.parametrize("kind", [LockedDropout, WordDropout])
def test_nothing_is_dropped_when_evaluating_or_when_the_share_is_zero(kind: type) -> None:
    assert kind(0.9).eval()(ONES) is ONES
    assert kind(0.0).train()(ONES) is ONES


def test_an_evaluating_mask_is_all_ones() -> None:
    assert torch.equal(LockedDropout(0.9).eval().mask(3, 4, ONES), torch.ones(3, 4))
    assert torch.equal(LockedDropout(0.0).train().mask(3, 4, ONES), torch.ones(3, 4))


def test_word_dropout_drops_whole_words() -> None:
    share = 0.3
    x = torch.ones(400, 50, 3)
    dropped = WordDropout(share).train()(x)
    assert torch.equal(dropped, dropped[..., :1].expand_as(dropped))
    kept = (dropped[..., 0] != 0).double().mean().item()
    assert kept == pytest.approx(1 - share, abs=5 * (share * (1 - share) / 20_000) ** 0.5)
    torch.testing.assert_close(dropped.max(), torch.tensor(1 / (1 - share)))
    assert (dropped[0] != dropped[1]).any()
    assert (dropped[:, 0] != dropped[:, 1]).any()
