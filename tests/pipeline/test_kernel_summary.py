"""What `info` says of how the layers run: through which kernel, or step by step and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from seq2seq.pipeline.models.summary import summarise

SMALL = ["text.vocabulary_size=20", "model.embedding_size=4", "model.encoder_size=4", "model.decoder_size=4"]


def kernel(*assignments: str) -> str:
    return summarise(Path("multi30k-en-de"), [*SMALL, *assignments]).kernel


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("lstm", "torch LSTM, whole sequences"),
        ("gru", "torch GRU, whole sequences"),
        ("elman", "torch RNN, whole sequences"),
        ("jordan", "step by step: this kind of cell has no kernel"),
        ('{name = "lstm", peepholes = true}', "step by step: peepholes"),
    ],
)
def test_each_cell_says_what_runs_it(cell: str, told: str) -> None:
    assert kernel(f"model.cell={cell}") == told


def test_every_reason_to_step_is_named() -> None:
    assert kernel("model.layer_norm=true") == "step by step: layer norm inside the cell"
    told = kernel("model.layer_norm=true", 'model.cell={name = "lstm", peepholes = true}')
    assert told == "step by step: peepholes, layer norm inside the cell"
    assert kernel("model.recurrent_weight_dropout=0.2") == "torch LSTM, whole sequences"
    told = kernel("model.recurrent_dropout=0.2")
    assert told == "step by step in training: recurrent dropout; else torch LSTM, whole sequences"


def test_stacks_that_run_differently_are_told_apart() -> None:
    told = kernel("model.decoder_transition=3")
    assert told == (
        "encoder: torch LSTM, whole sequences; decoder: step by step: a transition through 3 cells without a kernel"
    )
    told = kernel("model.wiring=input-feeding", "model.cell=gru")
    assert told == (
        "encoder: torch GRU, whole sequences; decoder: step by step: each step needs the context of the last"
    )


def test_layers_of_a_mixed_stack_are_told_apart() -> None:
    told = kernel('model.decoder_cells=["lstm", "jordan", "lstm"]', "model.decoder_layers=3")
    assert told == (
        "encoder: torch LSTM, whole sequences; decoder layer 1 and decoder layer 3: torch LSTM, whole sequences; "
        "decoder layer 2: step by step: this kind of cell has no kernel"
    )
