"""The whole network: embeddings, encoder, decoder, output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seq2seq.nn.decoders import Decoder
from seq2seq.nn.draws import uniform
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
        word_dropout: Share of the source's words whose embedding is dropped in training.
        target_word_dropout: Share of the words that the decoder reads; None: that of the source's.
        never_guessed: Target ids that no word has, such as padding; scheduled sampling never reads them.
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
        target_word_dropout: float | None = None,
        never_guessed: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self.source_embedding = source_embedding
        self.target_embedding = target_embedding
        self.encoder = encoder
        self.decoder = decoder
        self.output = output
        self.word_dropout = WordDropout(word_dropout)
        self.target_word_dropout = WordDropout(word_dropout if target_word_dropout is None else target_word_dropout)
        self.never_guessed = list(never_guessed)

    def encode(self, source: Int[Tensor, "batch source"], lengths: Int[Tensor, " batch"]) -> Memory:
        """Reads the sources; `lengths` counts the real tokens of each."""
        embedded = self.word_dropout(self.source_embedding(source))
        memory = self.decoder.prepare(self.encoder(embedded, lengths))
        if self.output.lexical is None:
            return memory
        # Words that are dropped are dropped here too: a way past the encoder must not know what the encoder is denied.
        return replace(memory, words=self.decoder.dropout(embedded))

    def forward(
        self,
        source: Int[Tensor, "batch source"],
        source_lengths: Int[Tensor, " batch"],
        target_in: Int[Tensor, "batch target"],
        target_lengths: Int[Tensor, " batch"],
        *,
        guess_share: float = 0.0,
    ) -> Float[Tensor, "real symbol"]:
        """Returns the logits of every real target position under teacher forcing, sentence by sentence.

        Args:
            source: Source ids.
            source_lengths: Real tokens of each source.
            target_in: Target ids shifted right, GO first.
            target_lengths: Real tokens of each target, EOS counted.
            guess_share: See `read_part`.
        """
        memory = self.encode(source, source_lengths)
        logits, _ = self.decode_part(target_in, target_lengths, memory, guess_share=guess_share)
        return logits

    def decode_part(
        self,
        target_in: Int[Tensor, "batch part"],
        lengths: Int[Tensor, " batch"],
        memory: Memory,
        state: State | None = None,
        *,
        guess_share: float = 0.0,
    ) -> tuple[Float[Tensor, "real symbol"], State]:
        """Returns the logits of what `read_part` reads, and the state after it."""
        features, after = self.read_part(target_in, lengths, memory, state, guess_share=guess_share)
        return self.output(features), after

    def read_part(
        self,
        target_in: Int[Tensor, "batch part"],
        lengths: Int[Tensor, " batch"],
        memory: Memory,
        state: State | None = None,
        *,
        guess_share: float = 0.0,
        real: Int[Tensor, " real"] | None = None,
    ) -> tuple[Float[Tensor, "real feature"], State]:
        """Reads the next part of each target, so that a gradient may be cut between two parts.

        Only real positions reach the output layer: padding would cost a product with the whole vocabulary each.

        Args:
            target_in: The part's ids; the first part begins with GO.
            lengths: How many of them are real; 0 where a target has ended before.
            memory: The sentences.
            state: What the part before returned; None for the first part.
            guess_share: Chance of each position but the first of a target to read, in the place of the true word, what
                the network itself thinks likeliest there (scheduled sampling, Bengio et al. 2015). No gradient flows
                through the choice. Every position then costs a product with the whole vocabulary.
            real: Where the real positions stand in [batch, part], counted row by row; None: it is found out from
                `lengths`, for which a GPU must be waited for.

        Returns:
            The features of the real positions, sentence by sentence, and the state after the part.

        Raises:
            ValueError: `guess_share` is above 0 and the decoder reads all target words at once.
        """
        embedded = self.target_word_dropout(self.target_embedding(target_in))
        choose = partial(self._guess, guess_share) if guess_share > 0.0 else None
        features, after = self.decoder(embedded, memory, state, choose)
        if real is None:
            return features[sequence_mask(lengths, target_in.shape[1])], after
        return features.flatten(0, 1).index_select(0, real), after

    def _guess(self, share: float, features: Tensor, embedded: Tensor) -> Tensor:
        """Returns `embedded`, [batch, embedding], with the network's own words in `share` of the rows."""
        # Not under no_grad: autocast of older versions of torch keeps the weights that it rounded there, without their
        # gradient, and uses them again for the loss.
        logits = self.output(features.detach()).detach()
        logits[:, self.never_guessed] = -torch.inf
        ids = logits.argmax(dim=-1)
        guessed = self.target_word_dropout(self.target_embedding(ids)[:, None])[:, 0]
        chosen = uniform(embedded.shape[0], 1, embedded) < share
        return torch.where(chosen, guessed, embedded)

    def start(self, memory: Memory) -> State:
        """Returns the decoder's state before the first token, one row a sentence."""
        return self.decoder.initial_state(memory)

    def step(
        self, last_ids: Int[Tensor, " rows"], memory: Memory, owner: Int[Tensor, " rows"], state: State
    ) -> StepOutput:
        """Reads the last token of each hypothesis and scores the next."""
        features, attention, new = self.decoder.step(self.target_embedding(last_ids), memory, owner, state)
        return StepOutput(self.output(features), attention, new)
