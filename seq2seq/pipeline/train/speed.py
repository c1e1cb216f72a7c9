"""How fast this machine trains a network, before there is any data for it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seq2seq import build, console
from seq2seq.data.batches import collate
from seq2seq.device import choose_device
from seq2seq.pipeline.train.estimate import TRIAL_UPDATES, objective, seconds_a_token
from seq2seq.recipe.schema import Recipe
from seq2seq.text.special import NUM_SPECIAL
from seq2seq.training import precision
from seq2seq.training.allocator import keep_large_buffers


def tokens_per_second(recipe: Recipe, sentence_tokens: float, *, device: str = "auto", threads: int = 0) -> float:
    """Returns how many target tokens a second a training of `recipe` learns from, measured on made-up sentences.

    Takes some seconds: three updates, as long as those of a training. Sentences are all of one length here, so that no
    product is wasted on padding; real text is up to a tenth slower.

    Args:
        recipe: Its network, its vocabulary's size and its batches count.
        sentence_tokens: Tokens of a sentence, on average, on both sides.
        device: Where to train; as for `choose_device`; likewise `threads`.
        threads: CPU cores; 0: all.
    """
    place = choose_device(device, threads=threads)
    keep_large_buffers()
    size, length = recipe.text.vocabulary_size, max(1, round(sentence_tokens))
    draw = np.random.default_rng(0)
    rows = max(1, recipe.training.batch_tokens // (length + 1))

    def side() -> list[NDArray[np.int32]]:
        return list(draw.integers(NUM_SPECIAL, size, (rows, length), dtype=np.int32))

    with console.Progress("measuring the speed of training here", None, unit="updates"):
        trial = [collate(side(), side()).to(place) for _ in range(1 + TRIAL_UPDATES)]
        network = build.model(recipe.model, source_symbols=size, target_symbols=size).to(place)
        kind = precision.choose(recipe.training.precision, place)
        return 1.0 / seconds_a_token(network, objective(recipe.training, trial), trial, kind)
