"""Lets `python -m seq2seq` do what `seq2seq` does."""

from __future__ import annotations

from seq2seq.cli.main import run

run()
