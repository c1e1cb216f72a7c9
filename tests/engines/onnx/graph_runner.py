"""Runs the three graphs as they were built, with the whole tables and without any cleverness, next to torch."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import torch

from seq2seq.data.batches import pad
from seq2seq.engines.onnx.calibration import calibrate
from seq2seq.engines.onnx.export import Export
from seq2seq.engines.onnx.verify import random_sample
from seq2seq.engines.torch_engine import TorchEngine
from seq2seq.text.special import EOS, GO, PAD, UNK

FORBIDDEN = [PAD, GO, UNK]


def sample(model):
    """Sentences of random ids: what ranges are measured on."""
    return random_sample(16, model.source_embedding.num_embeddings, first=UNK + 1, longest=12)


def session(model, weights):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    needed = {t.name for t in model.graph.initializer if t.data_location == 1}
    values = {name: ort.OrtValue.ortvalue_from_numpy(weights[name]) for name in needed}
    if values:
        options.add_external_initializers(list(values), list(values.values()))
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"]), values


class Runner:
    """A network's graphs in one precision: "fp32", "int8", or "int8 measured", with ranges from a few sentences."""

    def __init__(self, model, precision="fp32", forbidden=FORBIDDEN):
        model.eval()
        precision, _, measured = precision.partition(" ")
        ranges = calibrate(TorchEngine(model), sample(model)) if measured else None
        self.written = Export(model, precision, forbidden=forbidden, ranges=ranges).write()
        weights = self.written.weights.arrays
        if precision == "fp32":
            weights = {name: weight.detach().numpy() for name, weight in model.named_parameters()}
        self.sessions, self._held = {}, []
        for name, graph in self.written.models.items():
            self.sessions[name], values = session(graph, weights)
            self._held.append((weights, values))
        self.facts = self.written.facts
        self.least = self.facts["least_rows"]
        ids = np.arange(max(self.facts["source_symbols"], self.facts["target_symbols"]))
        self.source, self.target = self.sessions["tables"].run(["source", "target"], {"ids": ids})

    def _names(self, what):
        return [f"{what}.{i}" for i in range(self.facts["num_memory" if what == "memory" else "num_state"])]

    def encode(self, sources):
        ids, lengths = pad(sources)
        while len(ids) < self.least:
            ids, lengths = np.repeat(ids, 2, 0), np.repeat(lengths, 2, 0)
        names = self._names("memory") + self._names("state")
        found = self.sessions["encoder"].run(names, {"ids": ids, "lengths": lengths, "source_table": self.source})
        n = self.facts["num_memory"]
        return found[:n], found[n:]

    def step(self, memory, state, last_ids, rows, owner, num_sentences, k=1, also=None, width=2):
        """One row after another of a sentence in its line of the grid."""
        width = max(width, int(np.bincount(owner).max()))
        grid, place, used = np.zeros((num_sentences, width), np.int64), [], {}
        for row, sentence in enumerate(owner):
            slot = used.get(sentence, 0)
            used[sentence] = slot + 1
            grid[sentence, slot] = row
            place.append(sentence * width + slot)
        feed = {
            "last_ids": np.asarray(last_ids),
            "rows": np.asarray(rows),
            "grid": grid,
            "place": np.array(place),
            "also": np.zeros((len(owner), 0), np.int64) if also is None else also,
            "k": np.array([k]),
            "target_table": self.target,
            **dict(zip(self._names("memory"), memory, strict=True)),
            **dict(zip(self._names("state"), state, strict=True)),
        }
        asked = {given.name for given in self.sessions["step"].get_inputs()}
        names = [value.name for value in self.sessions["step"].get_outputs()]
        found = self.sessions["step"].run(names, {k: v for k, v in feed.items() if k in asked})
        outputs = dict(zip(names, found, strict=True))
        return outputs, [outputs[name] for name in self._names("next")]


def torch_log_probs(model, sources, targets, forbidden=FORBIDDEN):
    """[sentence, position, symbol] and the attention, one step after another; targets of one length, GO first."""
    ids, lengths = (torch.from_numpy(x) for x in pad(sources))
    owner = torch.arange(len(sources))
    with torch.no_grad():
        memory = model.encode(ids, lengths)
        state, found, attention = model.start(memory), [], []
        for position in range(targets.shape[1]):
            after = model.step(torch.from_numpy(targets[:, position]), memory, owner, state)
            logits, state = after.logits, after.state
            logits[:, forbidden] = -torch.inf
            found.append(logits.log_softmax(-1).numpy())
            attention.append(after.attention.numpy())
    return np.stack(found, 1), np.stack(attention, 1)


def onnx_log_probs(runner, sources, targets):
    """The same from the graphs."""
    memory, state = runner.encode(sources)
    n = len(sources)
    extra = max(n, runner.least)
    rows = np.arange(extra)
    padded = targets[np.arange(extra) % n]
    found, attention = [], []
    for position in range(targets.shape[1]):
        outputs, state = runner.step(memory, state, padded[:, position], rows, rows, extra)
        found.append(outputs["log_probs"][:n])
        attention.append(outputs["attention"][:n] if "attention" in outputs else None)
    return np.stack(found, 1), None if attention[0] is None else np.stack(attention, 1)


__all__ = ["EOS", "FORBIDDEN", "Runner", "onnx_log_probs", "torch_log_probs"]
