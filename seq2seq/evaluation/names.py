"""What people call a metric."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

METRIC_NAMES: Final[Mapping[str, str]] = {"bleu": "BLEU", "chrf": "chrF", "ter": "TER"}
