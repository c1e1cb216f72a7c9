"""Where the time of a translation goes: in the engine's graphs by kind of operation, in the engine, and in Python."""

from __future__ import annotations

import cProfile
import json
import pstats
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from seq2seq.translator import Translator

CONTAINERS = frozenset({"If", "Loop", "Scan"})
"""Operations whose time is that of others, which are counted too."""
FUNCTIONS = 25
"""Functions of Python to list."""


@contextmanager
def profiled_sessions(folder: Path) -> Iterator[list[Any]]:
    """Sessions of ONNX Runtime that are made within the block write a profile into `folder`; yields them."""
    import onnxruntime

    made: list[Any] = []
    plain = onnxruntime.InferenceSession.__init__

    def init(self: Any, model: Any, sess_options: Any = None, *rest: Any, **named: Any) -> None:  # noqa: ANN401
        options = sess_options or onnxruntime.SessionOptions()
        options.enable_profiling = True
        options.profile_file_prefix = str(folder / f"session-{len(made)}")
        plain(self, model, options, *rest, **named)
        made.append(self)

    with mock.patch.object(onnxruntime.InferenceSession, "__init__", init):
        yield made


def operations(profile: Path, since: float) -> tuple[int, float, dict[str, float]]:
    """Returns, of a profile of ONNX Runtime, how many runs it is of, their seconds, and seconds by operation.

    Args:
        profile: The file.
        since: Microseconds after the beginning of the profile, before which nothing counts.
    """
    runs, seconds, ops = 0, 0.0, defaultdict[str, float](float)
    for event in json.loads(profile.read_text(encoding="utf-8")):
        took = event.get("dur", 0) / 1e6
        if event.get("ts", 0) < since:
            continue
        if event["cat"] == "Session" and event["name"] == "model_run":
            runs, seconds = runs + 1, seconds + took
        elif event["cat"] == "Node" and event["name"].endswith("_kernel_time"):
            ops[event["args"]["op_name"]] += took
    return runs, seconds, dict(sorted(ops.items(), key=lambda item: -item[1]))


class Timed:
    """An engine that answers as another does, and adds up how long that takes it.

    Args:
        inner: The other.
        seconds: Where it adds up, by method.
    """

    def __init__(self, inner: Any, seconds: Counter[str]) -> None:  # noqa: ANN401
        self._inner, self._seconds = inner, seconds

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever an engine has
        found = getattr(self._inner, name)
        if name not in ("start", "step", "select"):
            return found

        def call(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401
            begin = time.perf_counter()
            try:
                return found(*arguments, **named)
            finally:
                self._seconds[name] += time.perf_counter() - begin

        return call


def profile(
    opened: Callable[[], Translator], translate: Callable[[Translator], Sequence[str]], folder: Path
) -> dict[str, Any]:
    """Profiles a translation on one thread.

    Args:
        opened: Opens a translator of one thread.
        translate: Has it translate.
        folder: A folder for what ONNX Runtime writes.

    Returns:
        The seconds of a pass; of those, what the engine's methods took, and the rest: the search and the text. Where
        ONNX Runtime computes, its graphs' runs by kind of operation, of a pass of its own, since looking on costs time;
        `python_share` is what was spent outside of them (or, with torch, outside of the engine). And what the most
        costly functions of Python took, themselves, in a third pass that is slower still.
    """
    translator = opened()
    translate(translator)
    methods: Counter[str] = Counter()
    engine = translator.engine
    translator.engine = Timed(engine, methods)  # type: ignore[assignment]
    begin = time.perf_counter()
    translate(translator)
    seconds = time.perf_counter() - begin
    translator.engine = engine
    watched = cProfile.Profile()
    watched.runcall(translate, translator)
    graphs, looked_at, in_graphs = _graphs(opened, translate, folder)
    found = {
        "seconds": round(seconds, 3),
        "engine_seconds": {name: round(value, 3) for name, value in methods.items()},
        "search_and_text_seconds": round(seconds - sum(methods.values()), 3),
        "python_share": round(1 - (in_graphs / looked_at if graphs else sum(methods.values()) / seconds), 3),
        "functions": _functions(watched),
    }
    return found | ({"graphs": graphs, "seconds_while_looking_on": round(looked_at, 3)} if graphs else {})


def _graphs(
    opened: Callable[[], Translator], translate: Callable[[Translator], Sequence[str]], folder: Path
) -> tuple[dict[str, Any], float, float]:
    """Returns what each session did in one pass, the seconds of that pass, and those of all sessions' runs in it."""
    with profiled_sessions(folder) as sessions:
        translator = opened()
        translate(translator)  # what is computed once a token is done then
        # ONNX Runtime tells its times by the one or the other, as the platform has it.
        clocks = time.time_ns(), time.monotonic_ns()
        begin = time.perf_counter()
        translate(translator)
        seconds = time.perf_counter() - begin
    graphs: dict[str, Any] = {}
    total = 0.0
    for session in sessions:
        started = session.get_profiling_start_time_ns()
        since = min((clock - started for clock in clocks), key=abs) / 1e3
        runs, took, ops = operations(Path(session.end_profiling()), since)
        own = sum(value for name, value in ops.items() if name not in CONTAINERS)
        total += took
        if runs:
            graphs[session.get_modelmeta().graph_name] = {
                "runs": runs,
                "seconds": round(took, 3),
                "between_operations": round(took - own, 3),
                "operations": {name: round(value, 4) for name, value in ops.items()},
            }
    return graphs, seconds, total


def _functions(watched: cProfile.Profile) -> list[dict[str, Any]]:
    """Returns the functions that took the most time themselves."""
    stats: Any = pstats.Stats(watched)
    ranked = sorted(stats.stats.items(), key=lambda item: -item[1][2])[:FUNCTIONS]
    return [
        {"function": f"{Path(file).name}:{line} {name}", "calls": calls, "seconds": round(own, 3)}
        for (file, line, name), (_, calls, own, *_) in ranked
    ]
