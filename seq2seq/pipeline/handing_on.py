"""What is known of a run's text that neither its recipe nor its files say, and so goes from manifest to manifest.

A model wrote part of the text of some runs: see `seq2seq.pipeline.synthetic`. Which part that was, how people had the
rest cleaned, and test sets that a recipe cannot name are known from the run that is prepared again, here or in another
folder, and in the same direction or the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from shutil import copyfile
from typing import Any, Final

from seq2seq.bundle import RunFolder
from seq2seq.folders import read_json
from seq2seq.pipeline import cleaning

_NAMED: Final = ("train", "development", "test")  # what a recipe can name
_OTHER_SIDE: Final = {"distill": "backtranslate", "backtranslate": "distill"}
"""Who is said to have written a corpus, the other way round: the target that a teacher wrote is then a source."""


def is_same(run: RunFolder, other: RunFolder) -> bool:
    """Whether two runs are one."""
    return run.path.resolve() == other.path.resolve()


def is_turned(pair: tuple[str, str], manifest: Mapping[str, Any]) -> bool:
    """Whether a run of these languages translates the other way than the run with that manifest."""
    before = (manifest["source_language"], manifest["target_language"])
    return pair == before[::-1] != before


def handed_on(manifest: Mapping[str, Any], run: RunFolder, origin: RunFolder, ready: RunFolder) -> dict[str, Any]:
    """Returns a run's manifest with what `origin`'s knows of its text, and copies the sets that no recipe names.

    Args:
        manifest: Of the run that is being prepared.
        run: That run.
        origin: The run whose recipe it has, which may be what `run` was until now.
        ready: Where its data is until it is complete.
    """
    found = dict(manifest)
    if not origin.manifest.is_file():
        return found
    before = read_json(origin.manifest)
    turned = is_turned((found["source_language"], found["target_language"]), before)
    writers = {one.get("name"): one["by"] for one in before.get("corpora", ()) if "by" in one}
    if any(one["name"] in writers for one in found["corpora"]):
        found["corpora"] = [_signed(one, writers.get(one["name"], ""), turned=turned) for one in found["corpora"]]
        if "synthetic" in before:
            found["synthetic"] = _synthetic(before["synthetic"], whole=is_same(run, origin), turned=turned)
    # With text and vocabulary as they were, ids are too.
    now, then = found["inputs"], before["inputs"]
    kept = now["files"] == then["files"] and "vocabulary" in now and "vocabulary" in then
    for name in before["splits"] if kept and not turned else ():
        if name not in (*_NAMED, *found["splits"]) and origin.split(name).is_file():
            copyfile(origin.split(name), ready.split(name))
            for section in ("splits", "cleaning"):
                found[section] = {**found[section], name: before[section][name]}
    return found


def _signed(corpus: Mapping[str, Any], by: str, *, turned: bool) -> dict[str, Any]:
    """Returns a corpus with who wrote one of its sides, where that is known."""
    return {**corpus, **({"by": _OTHER_SIDE.get(by, by) if turned else by} if by else {})}


def _synthetic(facts: Mapping[str, Any], *, whole: bool, turned: bool) -> dict[str, Any]:
    """Returns what is known of a run's synthetic pairs; of those in another folder only how people's were cleaned.

    A command that makes synthetic pairs may make its own run again, and knows it by these facts: the other is none.
    """
    found = {key: value for key, value in facts.items() if whole or key == "cleaning"}
    return {**found, "cleaning": cleaning.turned(found["cleaning"])} if turned and "cleaning" in found else found
