"""The whole network: embeddings, encoder, decoder, output."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor, nn

from seq2seq.nn.decoders import Decoder
from seq2seq.nn.dropout import WordDropout
from seq2seq.nn.encoder import Encoder
from seq2seq.nn.memory import Memory, sequence_mask
from seq2seq.nn.output import Output
from seq2seq.nn.state import State


@dataclass(frozen=True)
class StepOutput:
    """What one decoding step gives: [rows, symbols] logits, [rows, source] attention, and the new state."""

    logits: Float[Tensor, "rows symbol"]
    attention: Float[Tensor, "rows source"]
    state: State


class EncoderDecoder(nn.Module):
    """A recurrent encoder-decoder.

    Args:
        source_embedding: Source ids to vectors.
        target_embedding: Target ids to vectors; may be the same module.
        encoder: Reads the embedded source.
        decoder: Reads the embedded target and the encoder's memory.
        output: Scores the vocabulary.
        word_dropout: Share of words whose embedding is dropped in training, on both sides.
    """

    def __init__(
        self,
        source_embedding: nn.Embedding,
        target_embedding: nn.Embedding,
        encoder: Encoder,
        decoder: Decoder,
        output: Output,
        *,
        word_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.source_embedding = source_embedding
        self.target_embedding = target_embedding
        self.encoder = encoder
        self.decoder = decoder
        self.output = output
        self.word_dropout = WordDropout(word_dropout)

    def encode(self, source: Int[Tensor, "batch source"], lengths: Int[Tensor, " batch"]) -> Memory:
        """Reads the sources; `lengths` counts the real tokens of each."""
        return self.decoder.prepare(self.encoder(self.word_dropout(self.source_embedding(source)), lengths))

    def forward(
        self,
        source: Int[Tensor, "batch source"],
        source_lengths: Int[Tensor, " batch"],
        target_in: Int[Tensor, "batch target"],
        target_lengths: Int[Tensor, " batch"],
    ) -> Float[Tensor, "real symbol"]:
        """Returns the logits of every real target position under teacher forcing, sentence by sentence.

        Only real positions reach the output layer: padding would cost a product with the whole vocabulary each.

        Args:
            source: Source ids.
            source_lengths: Real tokens of each source.
            target_in: Target ids shifted right, GO first.
            target_lengths: Real tokens of each target, EOS counted.
        """
        memory = self.encode(source, source_lengths)
        features = self.decoder(self.word_dropout(self.target_embedding(target_in)), memory)
        logits: Tensor = self.output(features[sequence_mask(target_lengths, target_in.shape[1])])
        return logits

    def start(self, memory: Memory) -> State:
        """Returns the decoder's state before the first token, one row a sentence."""
        return self.decoder.initial_state(memory)

    def step(
        self, last_ids: Int[Tensor, " rows"], memory: Memory, owner: Int[Tensor, " rows"], state: State
    ) -> StepOutput:
        """Reads the last token of each hypothesis and scores the next."""
        features, attention, new = self.decoder.step(self.target_embedding(last_ids), memory, owner, state)
        return StepOutput(self.output(features), attention, new)
