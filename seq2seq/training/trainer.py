"""The training loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from seq2seq.data.batches import Batches
from seq2seq.errors import WorkError
from seq2seq.training import best as bests
from seq2seq.training import checkpoint
from seq2seq.training.advice import FIRST_RATE, Advice, Advisor
from seq2seq.training.allocator import release
from seq2seq.training.average import MovingAverage
from seq2seq.training.average_looks import LookAverage
from seq2seq.training.checkpoint import TrainingState
from seq2seq.training.clock import Clock
from seq2seq.training.counters import Counters
from seq2seq.training.epochs import Epochs, Rows
from seq2seq.training.gradient import GradientSource
from seq2seq.training.group import Alone, Group
from seq2seq.training.limits import Limits
from seq2seq.training.protocols import Keeper, Reporter, Validator
from seq2seq.training.randomness import seed_update
from seq2seq.training.recovery import GOOD_EVERY, MOST_TIMES, Recovery
from seq2seq.training.saving import Saver
from seq2seq.training.schedules import Schedule
from seq2seq.training.step import Step
from seq2seq.training.stop import Stop, StoppedError
from seq2seq.training.unread import Made, Unread

LOG_EVERY = 20
RELEASE_EVERY = 100
READ_AFTER_SECONDS = 1.0
"""A loss waits no longer than that to be read, or someone who watches would see nothing move."""
STOP, GO_BACK = 1.0, 2.0
"""What a process tells the others after an update; the largest counts."""


class Trainer:
    """Trains a model, one update after another, until a limit is reached or someone asks it to stop.

    Args:
        model: The network, on its device.
        batches: The training pairs; only their plan is asked for here.
        gradient: Computes the gradient of an update.
        validator: What gives the development scores.
        reporter: Who watches.
        keeper: Who stores the best model.
        folder: The run's folder for checkpoints and metrics.
        optimizer: Moves the weights; its learning rate is set before every update.
        schedule: The learning rate's course.
        limits: When to end.
        learning_rate: The peak rate.
        rate_setting: The setting that it is from, which advice names.
        clip_norm: Largest norm of the gradient; 0 for no limit (Pascanu et al. 2013).
        clip_value: Largest absolute value of each number of the gradient, before the norm is taken; 0 for no limit.
        accumulate: Batches an update.
        average: Decay of the moving average of the weights; 0 for none.
        average_looks: Looks whose averaged weights are averaged once more, and tried at each look; 0 for none.
        validate_every: Updates between two looks at the development set; 0 for once an epoch.
        stop_on: The development score that decides which model is best.
        seed: What all randomness is a function of.
        network: A fingerprint of the network's settings; a checkpoint of another network is refused.
        group: The processes that train this model; only the first one writes, validates and reports.
        stop: Whether someone asked to stop; None: only `request_stop` does.
        chance: Returns the loss of guessing words by how often they occur; see `Advisor`.
        read_every: Updates after which their losses are read, which waits for the device; 0: each on a CPU, and on a
            GPU when one is logged. What comes of the training is the same.
        look_first: Whether the first weights are scored as well, as those of update 0. Where they are a trained
            model's, they are kept until others are better.
    """

    def __init__(
        self,
        model: nn.Module,
        batches: Batches,
        *,
        gradient: GradientSource,
        validator: Validator,
        reporter: Reporter,
        keeper: Keeper,
        folder: Path,
        optimizer: torch.optim.Optimizer,
        schedule: Schedule,
        limits: Limits,
        learning_rate: float,
        rate_setting: str = FIRST_RATE,
        clip_norm: float = 0.0,
        clip_value: float = 0.0,
        accumulate: int = 1,
        average: float = 0.0,
        average_looks: int = 0,
        validate_every: int = 0,
        stop_on: str = "bleu",
        seed: int = 1,
        network: str = "",
        group: Group | None = None,
        stop: Stop | None = None,
        chance: Callable[[], float] | None = None,
        read_every: int = 0,
        look_first: bool = False,
    ) -> None:
        self.model, self.batches = model, batches
        self.gradient, self.validator, self.reporter, self.keeper = gradient, validator, reporter, keeper
        self.optimizer, self.schedule, self.limits = optimizer, schedule, limits
        self.learning_rate, self.validate_every, self.stop_on, self.seed = learning_rate, validate_every, stop_on, seed
        self.group: Group = group or Alone()
        self.average = MovingAverage(model, average)
        self.looks = LookAverage(model, average_looks)
        self.counters = Counters()
        self.stop = stop or Stop()
        self.saver = Saver(folder, keeper, self._say, writes=self._writes)
        self.log = self.saver.log
        self.recovery = Recovery(learning_rate)
        self.advisor = Advisor(
            warmup_updates=schedule.warmup_updates,
            learning_rate=learning_rate,
            chance=chance,
            rate_setting=rate_setting,
        )
        self.epochs = Epochs(batches, accumulate=accumulate, group=self.group, stop=self.stop)
        self.step = Step(model, optimizer, clip_norm=clip_norm, clip_value=clip_value)
        self._network, self._rate_setting = network, rate_setting
        self._clock = Clock()
        self._read_every = read_every or (LOG_EVERY if next(model.parameters()).device.type == "cuda" else 1)
        self._unread = Unread()
        self._look_first = look_first
        self._was_left_off = False

    def request_stop(self) -> None:
        """Makes training stop after the update under way. Safe to call from a signal handler."""
        self.stop.request()

    def resume(self) -> bool:
        """Goes back to the last checkpoint, or the one before where that is damaged. Returns False where there is none.

        Raises:
            UserError: No checkpoint can be read, or they are of another network.
        """
        if not self.group.from_first(self.saver.checkpoints.exist()):
            return False
        if self._writes:
            self.counters = self.saver.checkpoints.load(self._state(), self._say)
        self._take_over()
        self.saver.went_on(self.counters)
        if self.counters.stop_on != self.stop_on:  # scores of two kinds cannot be compared
            best = bests.logged(self.log.rows(), self.counters.best_update, self.stop_on) if self._writes else None
            self.counters.best, self.counters.looks = self.group.from_first(best), 0
        return True

    def _take_over(self) -> None:
        """Makes everything what the first process has read from a checkpoint."""
        self.counters = checkpoint.share(self._state(), self.group)
        if self.counters.schedule:
            self.schedule.restore(self.counters.schedule)
        self.recovery.restore(self.counters.recovery)
        self.advisor.restore(self.counters.advice)

    @property
    def _writes(self) -> bool:
        """Whether this is the one process that writes, validates and reports."""
        return self.group.rank == 0

    def run(self) -> Counters:
        """Trains to the end, or until asked to stop. The last checkpoint then holds the run as it stands.

        Raises:
            UserError: There is nothing to train on.
            WorkError: Training went wrong again and again, or cannot be saved.
        """
        try:
            self.saver.begin(self.counters)
            self.epochs.start(self.counters)
            self._begin()
            self._train()
        except StoppedError:  # whatever was left off changed nothing, and is still to be done
            self._was_left_off = True
        self._save(must=True)
        return self.counters

    def _begin(self) -> None:
        self.counters.stop_on = self.stop_on
        self._find_total()
        if self.counters.update == 0:  # the first good state; and a disk that cannot be written is told of at once
            self._save(must=True)
        self._report_start()

    def _train(self) -> None:
        """Makes updates, one after another, and between them what is due."""
        if self.group.largest(STOP if self.stop.requested else 0.0):
            return
        if self._time_to_look() or self._must_look_first():  # one that was interrupted, or the first
            self._look()
        while not self.limits.reached(self.counters):
            self._clock.start()
            trouble = self._update(self.epochs.next(self.counters))
            said = self.group.largest(GO_BACK if trouble else STOP if self.stop.requested else 0.0)
            if said:  # of another process, perhaps, while this one has not read yet what came of its updates
                trouble = trouble or self._take_in(self._unread.read())
                said = self.group.largest(GO_BACK if trouble else said)
            if said == GO_BACK:
                self._go_back(trouble)
                continue
            self._calibrate()
            if self.counters.update % RELEASE_EVERY == 0:
                release()
            if self._time_to_look():
                if said == STOP:  # it is taken when training goes on
                    return
                self._look()
            elif self.counters.update % GOOD_EVERY == 0 and not self.recovery.is_suspect:
                self._save(good=True)
            elif self.saver.is_due and not self._unread:  # else after the next update, which is read then
                self._save()
            if said == STOP:
                return

    def _report_start(self) -> None:
        if self._writes:
            self.reporter.started(update=self.counters.update, total=self.counters.total)

    def _say(self, message: str) -> None:
        if self._writes:
            self.reporter.said(message)

    @property
    def finished(self) -> bool:
        """Whether a limit is reached, and what came of it has been looked at."""
        return self.limits.reached(self.counters) and not self._time_to_look() and not self._was_left_off

    def _find_total(self) -> None:
        self.limits.find_total(self.counters, updates_an_epoch=self.epochs.num_updates)

    def _calibrate(self) -> None:
        """Turns a time budget into a number of updates, once; the rate's course then depends on no clock."""
        counters = self.counters
        if not self.limits.measures(counters):
            return
        total = self.group.from_first(self.limits.calibrated(counters))
        if total is None:
            return
        counters.budget_total, counters.timings = total, []
        self._find_total()
        self._save()  # at once: a run that is killed now must not measure another number
        self._report_start()

    def _update(self, rows: Rows) -> str:
        """One update: the mean loss over all real tokens of the batches `rows`, its gradient, a step.

        Returns:
            What is wrong with it or, where that was not read yet, with one before it; empty where nothing is.
        """
        counters = self.counters
        counters.update += 1
        seed_update(self.seed, counters.update)
        self.model.train()
        sums = self.gradient(rows, epoch=counters.epoch, update=counters.update, progress=self._progress())
        rate = self.learning_rate * self.recovery.factor * self.schedule.factor(counters.update, counters.total)
        norm = self.step(rate)
        self.average.update(counters.update)
        self._unread.append(Made(counters.update, counters.epoch, counters.position, rate, sums.loss, norm))
        # Reading waits for the device: a clock stopped before would time how fast a GPU is given its orders.
        found = self._unread.read() if self._must_read() else []
        self._clock.stop(sums.num_tokens)
        return self._take_in(found)

    def _must_read(self) -> bool:
        """Whether what the updates computed must be known now: where something is made of it, and now and then."""
        counters = self.counters
        return (
            counters.update % self._read_every == 0
            or counters.update % GOOD_EVERY == 0
            or self.epochs.is_over(counters)  # going back leads to the same epoch so, whose plan is at hand
            or self._time_to_look()
            or self.saver.is_due
            or self._clock.unsettled_seconds > READ_AFTER_SECONDS
        )

    def _take_in(self, found: Sequence[tuple[Made, float, float]]) -> str:
        """Takes in updates with their losses and norms, in order, up to one that is wrong.

        Training then stands at that one, so that it goes on in the same way however late the loss was read.

        Returns:
            What is wrong with it; empty where nothing is.
        """
        counters = self.counters
        seconds = self._clock.settle() if found else 0.0
        for made, loss, norm in found:
            if self.limits.measures(counters):
                counters.timings.append(seconds)
            trouble = self.recovery.observe(made.update, loss, norm)
            if trouble:
                counters.update, counters.epoch, counters.position = made.update, made.epoch, made.position
                return trouble
            self._record(made, loss, norm)
        return ""

    def _progress(self) -> float:
        """Share of the training that is done with this update: a function of counters, so that resuming is exact."""
        return min(1.0, self.counters.update / self.counters.total) if self.counters.total else 0.0

    def _record(self, made: Made, loss: float, norm: float) -> None:
        row: dict[str, Any] = {
            "kind": "train",
            "update": made.update,
            "epoch": made.epoch,
            "loss": loss,
            "gradient_norm": norm,
            "rate": made.rate,
            "tokens_per_second": self._clock.tokens_a_second(),
        }
        if made.update % LOG_EVERY == 0:
            self.saver.append(row)
        if self._writes:
            self.reporter.updated(row)
        self._advise(self.advisor.after_update(made.update, self.recovery.mean), made.update)

    def _advise(self, advice: Advice | None, update: int) -> None:
        if advice is not None:
            self.saver.append({"kind": "advice", "update": update, **advice._asdict()})
            self._say(advice.text)

    def _time_to_look(self) -> bool:
        counters = self.counters
        if counters.update <= counters.looked:
            return False
        every, over = self.validate_every, self.epochs.is_over(counters)
        return (counters.update % every == 0 if every else over) or self.limits.reached(counters)

    def _must_look_first(self) -> bool:
        return self._look_first and self.counters.update == 0 and self.counters.best is None

    def _look(self) -> None:
        """Scores the averaged weights on the development set, and keeps them where they are the best so far.

        So it does their mean over the last looks, where it is asked for: of the two the better one counts.

        Raises:
            StoppedError: It was interrupted, in the first process; nothing has changed, and the look is still due.
        """
        counters = self.counters
        begin = time.perf_counter()
        looks = self.looks.with_this(self.average) if self._writes else self.looks
        mean = looks.mean() if len(looks) > 1 else None
        scores, of_mean, looked = self.group.from_first(
            (*self._scores(looks, mean), len(looks)) if self._writes else None
        )
        if scores is None:
            raise StoppedError
        self.looks = looks
        takes_mean = of_mean is not None and bests.is_above(of_mean, scores, counters.stop_on)
        found = of_mean if takes_mean else scores
        # What training may go back behind is not kept.
        best = bests.is_better(found, counters) and not self.recovery.is_suspect
        bests.take_in(found, counters, best=best)
        if best:
            tensors = mean if takes_mean and mean is not None else self.average.tensors()
            self.saver.keep(tensors, found, counters.update)
        self.schedule.observe(improved=best)
        row: dict[str, Any] = {"kind": "validation", "update": counters.update, "epoch": counters.epoch, **found}
        if of_mean is not None:
            row["average_looks"] = {"looks": looked, "better": takes_mean, "alone": scores, "mean": of_mean}
        self.saver.append({**row, "seconds": round(time.perf_counter() - begin, 3)})
        self._advise(self.advisor.after_look(counters.update, found), counters.update)
        self._save(good=not self.recovery.is_suspect)
        if self._writes:
            self.reporter.validated(row, best=best)

    def _scores(
        self, looks: LookAverage, mean: Mapping[str, Tensor] | None
    ) -> tuple[dict[str, float] | None, dict[str, float] | None]:
        """Returns the development scores, and those of the `mean` over `looks`.

        The first are None where someone asked to stop meanwhile.
        """
        self.model.eval()
        try:
            with self.average.swapped_in(), torch.inference_mode():
                scores = dict(self.validator(self.model))
            if mean is None:
                return scores, None
            with looks.swapped_in(mean), torch.inference_mode():
                return scores, dict(self.validator(self.model))
        except StoppedError:
            return None, None

    def _go_back(self, trouble: str) -> None:
        """Goes back to the last good state, halves the rate, and leaves out the batches since: see `recovery`.

        Raises:
            WorkError: It has done so too often. The good state is the last checkpoint then.
        """
        recovery, advisor = self.recovery, self.advisor
        failed = Counters.from_dict(self.group.from_first(self.counters.to_dict()))
        gives_up = recovery.times >= MOST_TIMES
        if self._writes:
            self.counters = self.saver.checkpoints.load_good(self._state())
        self.recovery, self.advisor = recovery.fresh(), advisor.fresh()
        self._take_over()
        counters = self.counters
        counters.carry_over(failed)
        self.advisor.went_back(advisor)
        self.recovery.went_back(recovery, again=not gives_up)
        self._find_total()
        row = {"kind": "rollback", "update": counters.update, "epoch": counters.epoch, "from": failed.update}
        self.saver.append({**row, "factor": self.recovery.factor, "reason": trouble})
        self._save(good=True)
        if gives_up:
            raise WorkError(
                f"{trouble} Training went back {recovery.times} times before, each time halving the rate.",
                hint=f"The last good state is saved. Try a lower rate: --resume --set {self._rate_setting}="
                f"{self.learning_rate * recovery.factor / 2:g}, or --set training.precision=fp32.",
            )
        self._say(f"{trouble} Going back to update {counters.update:,}, at {self.recovery.factor:g} times the rate.")
        self._report_start()

    def _save(self, *, good: bool = False, must: bool = False) -> None:
        counters = self.counters
        if good or counters.update == 0:
            counters.good = counters.update
            self.recovery.is_good()
        counters.schedule = self.schedule.state()
        counters.recovery, counters.advice = self.recovery.state(), self.advisor.state()
        self.saver.save(self._state(), must=must)

    def _state(self) -> TrainingState:
        return TrainingState(self.model, self.optimizer, self.average, self.counters, self._network, self.looks)
