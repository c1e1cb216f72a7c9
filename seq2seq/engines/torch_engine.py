"""The torch engine: the network itself, on any device. The reference for every other engine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from seq2seq import build
from seq2seq.bundle import Bundle
from seq2seq.data.padding import pad
from seq2seq.device import choose_device
from seq2seq.engines.engine import Distribution, Start
from seq2seq.nn.memory import Memory
from seq2seq.nn.model import EncoderDecoder, StepOutput
from seq2seq.nn.state import State, select
from seq2seq.search import Step
from seq2seq.text.pairs import TokenizerPair
from seq2seq.text.special import EOS, GO, PAD, UNK
from seq2seq.text.tagged import tags_of
from seq2seq.training.checkpoint import load_weights, read_tensors


class TorchEngine:
    """Answers the search from an `EncoderDecoder`.

    Args:
        model: The network; it is put into evaluation mode when asked to encode.
        allow_unk: Whether the unknown token may be written: for vocabularies of words it is a placeholder that someone
            fills in, for subwords it is noise.
        tags: Ids of the target vocabulary that stand for no text, and are never written.
    """

    go = GO
    eos = EOS
    parallel = 1
    precision = "torch"

    def __init__(self, model: EncoderDecoder, *, allow_unk: bool = False, tags: Iterable[int] = ()) -> None:
        self.model = model
        self.device = model.target_embedding.weight.device
        self._attends = model.decoder.attention.context_size > 0
        self._forbidden = [PAD, GO, *([] if allow_unk else [UNK]), *tags]

    @property
    def name(self) -> str:
        """See `Engine.name`."""
        return f"TorchEngine {self.device.type}"

    @property
    def vocabulary_size(self) -> int:
        """Symbols of the target vocabulary."""
        return self.model.target_embedding.num_embeddings

    @torch.inference_mode()
    def start(self, sources: Sequence[Sequence[int]]) -> Start:
        """See `Engine.start`."""
        self.model.eval()
        padded, lengths = pad(sources)
        memory = self.model.encode(self._tensor(padded), self._tensor(lengths))
        return Start(memory, self.model.start(memory), lengths)

    @torch.inference_mode()
    def step(
        self,
        memory: Memory,
        owner: NDArray[np.int64],
        last_ids: NDArray[np.int64],
        state: State,
        k: int,
        also: NDArray[np.int64] | None = None,
    ) -> Step:
        """See `StepModel.step`."""
        log_probs, after = self._log_probs(memory, owner, last_ids, state)
        ids, values = _best(log_probs, k)
        wanted = None if also is None else log_probs.gather(1, self._tensor(also)).cpu().numpy()
        return Step(ids.cpu().numpy(), values.cpu().numpy(), after.state, wanted, self._attention(after))

    @torch.inference_mode()
    def distribution(
        self, memory: Memory, owner: NDArray[np.int64], last_ids: NDArray[np.int64], state: State
    ) -> Distribution:
        """See `Engine.distribution`."""
        log_probs, after = self._log_probs(memory, owner, last_ids, state)
        return Distribution(log_probs.cpu().numpy(), after.state, self._attention(after))

    def _log_probs(
        self, memory: Memory, owner: NDArray[np.int64], last_ids: NDArray[np.int64], state: State
    ) -> tuple[torch.Tensor, StepOutput]:
        """Returns the log-probabilities of all symbols in every row, and the step they are of."""
        after = self.model.step(self._tensor(last_ids), memory, self._tensor(owner), state)
        logits = after.logits.float()
        logits[:, self._forbidden] = -torch.inf
        return logits.log_softmax(dim=-1), after

    def _attention(self, after: StepOutput) -> NDArray[np.float32] | None:
        return after.attention.cpu().numpy() if self._attends else None

    @torch.inference_mode()
    def select(self, state: State, rows: NDArray[np.int64]) -> State:
        """See `StepModel.select`."""
        return select(state, self._tensor(rows))

    def _tensor(self, array: NDArray[np.int64]) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)


def _best(log_probs: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the ids and the values of each row's `k` largest, equals by the lower id.

    `topk` takes equals in any order. Rows with equals among their first k + 1, which are rare, are sorted whole.
    """
    values, ids = log_probs.topk(min(k + 1, log_probs.shape[1]), dim=-1)
    tied = (values[:, 1:] == values[:, :-1]).any(dim=-1)
    values, ids = values[:, :k], ids[:, :k]
    if tied.any():
        ordered = log_probs[tied].sort(dim=-1, descending=True, stable=True)
        values[tied], ids[tied] = ordered.values[:, :k], ordered.indices[:, :k]
    return ids, values


def load_engine(bundle: Bundle, tokenizers: TokenizerPair, *, device: str = "auto", threads: int = 0) -> TorchEngine:
    """Builds the network of `bundle` and fills it with the bundle's weights.

    Args:
        bundle: The model.
        tokenizers: Its tokenizers, whose sizes are the vocabularies'.
        device: "auto", "cpu" or "cuda".
        threads: CPU cores to use; 0: all.

    Raises:
        UserError: The weights do not fit the recipe, or the device is not there.
    """
    place = choose_device(device, threads=threads)
    network = build.model(
        bundle.recipe.model,
        source_symbols=tokenizers.source.vocabulary_size,
        target_symbols=tokenizers.target.vocabulary_size,
    )
    load_weights(network, read_tensors(bundle.weights), bundle.weights)
    tags = tags_of(tokenizers.target).values()
    return TorchEngine(network.to(place), allow_unk=build.writes_unknown(tokenizers), tags=tags)
