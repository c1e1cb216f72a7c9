"""Which engine runs a model here: by name, or the fastest there is."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from seq2seq import console
from seq2seq.device import nvidia_driver
from seq2seq.engines.names import EngineName
from seq2seq.errors import UserError, WorkError, nearest

if TYPE_CHECKING:
    from seq2seq.bundle import Bundle
    from seq2seq.engines.engine import Engine
    from seq2seq.text.pairs import TokenizerPair

ENGINES: Final = tuple(name.value for name in EngineName)
PRECISIONS: Final = {"onnx": "int8", "onnx-fp32": "fp32"}
LOCK: Final = ".graphs.lock"


def open_engine(
    bundle: Bundle, tokenizers: TokenizerPair, *, engine: str = "auto", device: str = "auto", threads: int = 0
) -> Engine:
    """Opens the model in `bundle` with the engine that is asked for.

    Args:
        bundle: The model.
        tokenizers: Its tokenizers.
        engine: "onnx" (int8), "onnx-fp32", "torch", or "auto": torch where a GPU is asked for or found, else ONNX in
            int8, or in 32 bits where a bundle has no other graphs, else, where there are none and none can be made,
            torch. ONNX graphs are written into a bundle that has none where torch is installed.
        device: "auto", "cpu" or "cuda"; ONNX runs on the CPU.
        threads: CPU cores to use; 0: all.

    Raises:
        WorkError: The engine is asked for by name, and the model's graphs cannot be made.
        UserError: There is no such engine, it cannot run on the device, or what it needs is missing.
    """
    if engine not in ENGINES:
        raise UserError(f"There is no engine {engine!r}.", hint=nearest(engine, list(ENGINES)))
    if not bundle.weights.is_file() and (engine == "torch" or device.startswith("cuda")):
        _check_weights(bundle, engine, device)
    if engine in PRECISIONS and device.startswith("cuda"):
        raise UserError(f"The engine {engine!r} runs on the CPU.", hint="On a GPU use --engine torch.")
    if engine == "auto":
        engine = choose(bundle, device)
    if engine == "torch":
        from seq2seq.engines import torch_engine

        return torch_engine.load_engine(bundle, tokenizers, device=device, threads=threads)
    from seq2seq.engines.onnx import folder, onnx_engine

    if not folder.has_graphs(bundle, PRECISIONS[engine]) and _can_make():
        make_graphs(bundle)
    return onnx_engine.load_engine(bundle, tokenizers, precision=PRECISIONS[engine], threads=threads)


def _check_weights(bundle: Bundle, engine: str, device: str) -> None:
    """Refuses what only weights can do, in a bundle that was exported without them."""
    from seq2seq.engines.onnx.folder import has_graphs

    if any(has_graphs(bundle, precision) for precision in PRECISIONS.values()):
        asked = ["--engine torch"] * (engine == "torch") + [f"--device {device}"] * device.startswith("cuda")
        raise UserError(
            f"{bundle.path} holds graphs only, which run on the CPU, and no weights for torch.",
            hint=f"Leave out {' and '.join(asked)}.",
        )


def choose(bundle: Bundle, device: str) -> str:
    """Returns the engine that "auto" stands for: see `open_engine`."""
    from seq2seq.engines.onnx.folder import has_graphs

    trainable = bundle.weights.is_file() and find_spec("torch") is not None
    if device.startswith("cuda") or (trainable and device == "auto" and gpu_found()):
        return "torch"
    for engine, precision in PRECISIONS.items():  # one that was exported in 32 bits alone is meant to run in them
        if has_graphs(bundle, precision):
            return engine
    if not trainable:  # without any graphs its error says what to do
        return "onnx"
    if not _can_make():
        console.say("translating with torch, which is slower: the package onnx, which writes graphs, is not installed")
        return "torch"
    try:
        make_graphs(bundle)
    except WorkError as error:  # a network of one's own, or a folder that nobody may write into
        console.say(f"translating with torch, which is slower: {error}")
        return "torch"
    return "onnx"


def make_graphs(bundle: Bundle) -> None:
    """Writes the graphs into a bundle that was made without them; where several want to, one does, and the rest wait.

    Raises:
        WorkError: A part of its network has no graph, or its folder cannot be written into.
    """
    from filelock import FileLock

    from seq2seq.engines.onnx.folder import has_graphs
    from seq2seq.engines.onnx.write import add_graphs

    try:
        with FileLock(bundle.path / LOCK):
            if not has_graphs(bundle):
                console.say(f"writing the ONNX graphs of {bundle.path}, this once")
                add_graphs(bundle)
    except OSError as error:
        raise WorkError(
            f"The ONNX graphs of {bundle.path} cannot be written: {error}", hint="Or translate with --engine torch."
        ) from None


def _can_make() -> bool:
    return find_spec("torch") is not None and find_spec("onnx") is not None


def gpu_found() -> bool:
    """Whether torch can use a GPU here; torch is imported only where there is a driver to ask."""
    if not _has_driver() or find_spec("torch") is None:
        return False
    import torch

    return torch.cuda.is_available()


def _has_driver() -> bool:
    """Whether there are traces of a GPU's driver, which takes microseconds to see; torch takes a second and a half."""
    return nvidia_driver() or any(Path(device).exists() for device in ("/dev/kfd", "/dev/dxg"))
