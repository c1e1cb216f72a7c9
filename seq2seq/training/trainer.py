"""The training loop."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from seq2seq.data.batches import Batch, Batches
from seq2seq.errors import UserError, WorkError
from seq2seq.training import checkpoint
from seq2seq.training.allocator import release
from seq2seq.training.average import MovingAverage
from seq2seq.training.checkpoint import TrainingState
from seq2seq.training.clock import CALIBRATE_TO, Clock
from seq2seq.training.counters import Counters
from seq2seq.training.metrics_log import MetricsLog
from seq2seq.training.protocols import Keeper, Objective, Reporter, Validator
from seq2seq.training.randomness import seed_update
from seq2seq.training.schedules import Schedule

SMALLER_IS_BETTER = frozenset({"loss"})
LOG_EVERY = 20
RELEASE_EVERY = 20
SAVE_EVERY_SECONDS = 300.0
"""A crash costs at most this much work; when a checkpoint is written changes nothing in what is computed."""


@dataclass(frozen=True)
class Limits:
    """When training ends; the first limit reached counts. 0 means no such limit.

    Attributes:
        max_epochs: Passes over the corpus.
        max_updates: Updates.
        minutes: A time budget, calibrated once into a number of updates.
        patience: Looks at the development set without improvement.
    """

    max_epochs: float = 0.0
    max_updates: int = 0
    minutes: float = 0.0
    patience: int = 0


class Trainer:
    """Trains a model, one update after another, until a limit is reached or someone asks it to stop.

    Args:
        model: The network, on its device.
        batches: The training pairs.
        objective: What is minimised.
        validator: What gives the development scores.
        reporter: Who watches.
        keeper: Who stores the best model.
        folder: The run's folder for checkpoints and metrics.
        optimizer: Moves the weights; its learning rate is set before every update.
        schedule: The learning rate's course.
        limits: When to end.
        learning_rate: The peak rate.
        clip_norm: Largest norm of the gradient; 0 for no limit (Pascanu et al. 2013).
        clip_value: Largest absolute value of each number of the gradient, before the norm is taken; 0 for no limit.
        accumulate: Batches an update.
        average: Decay of the moving average of the weights; 0 for none.
        precision: "bf16" or "fp32".
        validate_every: Updates between two looks at the development set; 0 for once an epoch.
        stop_on: The development score that decides which model is best.
        seed: What all randomness is a function of.
        network: A fingerprint of the network's settings; a checkpoint of another network is refused.
    """

    def __init__(
        self,
        model: nn.Module,
        batches: Batches,
        *,
        objective: Objective,
        validator: Validator,
        reporter: Reporter,
        keeper: Keeper,
        folder: Path,
        optimizer: torch.optim.Optimizer,
        schedule: Schedule,
        limits: Limits,
        learning_rate: float,
        clip_norm: float = 0.0,
        clip_value: float = 0.0,
        accumulate: int = 1,
        average: float = 0.0,
        precision: str = "fp32",
        validate_every: int = 0,
        stop_on: str = "bleu",
        seed: int = 1,
        network: str = "",
    ) -> None:
        self.model, self.batches = model, batches
        self.objective, self.validator, self.reporter, self.keeper = objective, validator, reporter, keeper
        self.optimizer, self.schedule, self.limits = optimizer, schedule, limits
        self.learning_rate, self.accumulate = learning_rate, accumulate
        self.clip_norm, self.clip_value = clip_norm, clip_value
        self.precision, self.validate_every, self.stop_on, self.seed = precision, validate_every, stop_on, seed
        self.average = MovingAverage(model, average)
        self.counters = Counters()
        self.last = folder / "checkpoints" / "last"
        self.log = MetricsLog(folder / "metrics.jsonl")
        self.device = next(model.parameters()).device
        self._network = network
        self._stop_requested = False
        self._saved = 0.0
        self._plan: list[NDArray[np.int64]] = []
        self._clock = Clock()

    def request_stop(self) -> None:
        """Makes training stop after the update under way. Safe to call from a signal handler."""
        self._stop_requested = True

    def resume(self) -> bool:
        """Goes back to the last checkpoint. Returns False where there is none."""
        if not checkpoint.exists(self.last):
            return False
        self.counters = checkpoint.load(self.last, self._state())
        if self.counters.schedule:
            self.schedule.restore(self.counters.schedule)
        if self.counters.stop_on != self.stop_on:  # scores of two kinds cannot be compared
            self.counters.best, self.counters.looks = self._logged(self.counters.best_update), 0
        return True

    def _logged(self, update: int) -> float | None:
        """Returns the score, by which models are chosen now, of the look that was taken at `update`, if it is known."""
        for row in self.log.rows():
            if row["kind"] == "validation" and row["update"] == update and self.stop_on in row:
                value = self._value(row)
                return None if math.isnan(value) else value
        return None

    def _value(self, scores: Mapping[str, Any]) -> float:
        """Returns the score by which models are chosen, larger is better."""
        return float(scores[self.stop_on]) * (-1 if self.stop_on in SMALLER_IS_BETTER else 1)

    def run(self) -> Counters:
        """Trains to the end, or until asked to stop. The last checkpoint then holds the run as it stands."""
        self._plan, self._saved = self.batches.plan(self.counters.epoch), time.monotonic()
        if not self._plan:
            raise UserError("There are no pairs to train on.", hint="Look at what 'seq2seq prepare' dropped, and why.")
        # What a run logged after its last checkpoint, or before its first, is computed and logged again.
        self.log.rewind(self.counters.update)
        self.counters.stop_on = self.stop_on
        self._find_total()
        self.reporter.started(update=self.counters.update, total=self.counters.total)
        while not self._finished() and not self._stop_requested:
            self._clock.start()
            self._update(self._next_batches())
            self._calibrate()
            if self.counters.update % RELEASE_EVERY == 0:
                release()
            if self._time_to_look():
                self._look()
            elif time.monotonic() - self._saved > SAVE_EVERY_SECONDS:
                self._save()
        self._save()
        return self.counters

    @property
    def finished(self) -> bool:
        """Whether a limit is reached."""
        return self._finished()

    def _finished(self) -> bool:
        counters, patience = self.counters, self.limits.patience
        if patience and counters.looks >= patience:
            return True
        return counters.total is not None and counters.update >= counters.total

    def _find_total(self) -> None:
        """Settles the last update from the limits in epochs and updates, and from a budget where it is calibrated."""
        counters, limits, candidates = self.counters, self.limits, []
        if limits.max_updates:
            candidates.append(limits.max_updates)
        if limits.max_epochs:
            candidates.append(math.ceil(limits.max_epochs * self._updates_an_epoch()))
        if limits.minutes != counters.budget_minutes:  # a new budget counts from here
            counters.budget_minutes, counters.budget_from, counters.budget_total = limits.minutes, counters.update, None
        if limits.minutes and counters.budget_total is None:
            # Another limit counts from the start only where measuring would overrun it.
            first = max(1, min(candidates, default=counters.update + CALIBRATE_TO + 1))
            counters.total = first if first <= counters.update + CALIBRATE_TO else None
            return
        if counters.budget_total is not None:
            candidates.append(counters.budget_total)
        counters.total = max(1, min(candidates)) if candidates else None

    def _calibrate(self) -> None:
        """Turns a time budget into a number of updates, once; the rate's course then depends on no clock."""
        counters = self.counters
        if not self.limits.minutes or counters.budget_total is not None:
            return
        updates = self._clock.updates_in(self.limits.minutes)
        if updates is None:
            return
        counters.budget_total = max(counters.update, counters.budget_from + updates)
        self._find_total()
        self.reporter.started(update=counters.update, total=counters.total)

    def _updates_an_epoch(self) -> int:
        return math.ceil(len(self._plan) / self.accumulate)

    def _next_batches(self) -> list[Batch]:
        """Returns the batches of the next update; the last one of an epoch may have fewer than `accumulate`."""
        counters = self.counters
        if counters.position >= len(self._plan):
            counters.epoch, counters.position = counters.epoch + 1, 0
            self._plan = self.batches.plan(counters.epoch)
        rows = self._plan[counters.position : counters.position + self.accumulate]
        counters.position += len(rows)
        return [self.batches.fill(r, counters.epoch).to(self.device) for r in rows]

    def _update(self, batches: list[Batch]) -> None:
        """One update: the mean loss over all real tokens of `batches`, its gradient, a step."""
        counters = self.counters
        counters.update += 1
        seed_update(self.seed, counters.update)
        self.model.train()
        num_tokens = sum(batch.num_tokens for batch in batches)
        total_loss = torch.zeros((), device=self.device)
        for batch in batches:
            total_loss += self.objective.add_gradient(
                self.model, batch, num_tokens=num_tokens, progress=self._progress(), precision=self.precision
            )
        if self.clip_value:
            nn.utils.clip_grad_value_(self.model.parameters(), self.clip_value, foreach=True)
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.clip_norm or math.inf, foreach=True)
        rate = self.learning_rate * self.schedule.factor(counters.update, counters.total)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.average.update(counters.update)
        # Reading the loss waits for the device: a clock stopped before would time how fast a GPU is given its orders.
        loss_value, norm_value = float(total_loss), float(norm)
        self._clock.stop(num_tokens)
        self._record(loss_value, norm_value, rate)

    def _progress(self) -> float:
        """Share of the training that is done with this update: a function of counters, so that resuming is exact."""
        return min(1.0, self.counters.update / self.counters.total) if self.counters.total else 0.0

    def _record(self, loss: float, norm: float, rate: float) -> None:
        counters = self.counters
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise WorkError(
                f"The loss of update {counters.update} is {loss}, and the norm of its gradient is {norm}.",
                hint="Try a lower rate: --set training.learning_rate=0.0005, or --set training.precision=fp32.",
            )
        row: dict[str, Any] = {
            "kind": "train",
            "update": counters.update,
            "epoch": counters.epoch,
            "loss": loss,
            "gradient_norm": norm,
            "rate": rate,
            "tokens_per_second": self._clock.tokens_a_second(),
        }
        if counters.update % LOG_EVERY == 0:
            self.log.append(row)
        self.reporter.updated(row)

    def _time_to_look(self) -> bool:
        if self.validate_every:
            due = self.counters.update % self.validate_every == 0
        else:
            due = self.counters.position >= len(self._plan)
        return due or self._finished()

    def _look(self) -> None:
        """Scores the averaged weights on the development set, and keeps them where they are the best so far."""
        counters = self.counters
        self.model.eval()
        begin = time.perf_counter()
        with self.average.swapped_in(), torch.inference_mode():
            scores = dict(self.validator(self.model))
        value = self._value(scores)
        best = not math.isnan(value) and (counters.best is None or value > counters.best)
        if best:
            counters.best, counters.best_update, counters.looks = value, counters.update, 0
            self.keeper(self.average.tensors(), scores, counters.update)
        else:
            counters.looks += 1
        self.schedule.observe(improved=best)
        counters.schedule = self.schedule.state()
        row = {"kind": "validation", "update": counters.update, "epoch": counters.epoch, **scores}
        self.log.append({**row, "seconds": round(time.perf_counter() - begin, 3)})
        self._save()
        self.reporter.validated(row, best=best)

    def _save(self) -> None:
        self._saved = time.monotonic()
        checkpoint.save(self.last, self._state())

    def _state(self) -> TrainingState:
        return TrainingState(self.model, self.optimizer, self.average, self.counters, self._network)
