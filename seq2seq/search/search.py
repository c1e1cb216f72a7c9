"""What every search is: a call from a model and a batch to hypotheses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from seq2seq.search.hypothesis import Hypothesis
from seq2seq.search.required import Required
from seq2seq.search.step_model import IntArray, Memory, State, StepModel


class Search(Protocol):
    """Looks for good translations of a batch of sentences.

    A member takes its settings at construction, keeps nothing between calls, and gives a sentence the same result
    whatever stands beside it in the batch. To add one: a file in this folder and a line in the registry; the
    conformance tests pick it up from there.
    """

    def __call__(
        self,
        model: StepModel,
        memory: Memory,
        state: State,
        source_lengths: IntArray,
        *,
        prefixes: Sequence[Sequence[int]] | None = None,
        required: Required | None = None,
        banned: Sequence[Sequence[int]] | None = None,
        want_attention: bool = False,
        sentence_numbers: IntArray | None = None,
    ) -> list[list[Hypothesis]]:
        """Returns each sentence's hypotheses, best first, at least one a sentence.

        Args:
            model: Gives the next tokens.
            memory: The encoder's, one row a sentence; passed on as it is.
            state: The model's first state, row i for sentence i.
            source_lengths: [sentences], source tokens of each; for the length limit and the width of the attention.
            prefixes: The ids each output must begin with (scored like all others); None: no such wish.
            required: The phrases that each output must hold; None: no such wish. Where they need more than the length
                limit, they lift it.
            banned: Ids in a row that no output may hold, but where a prefix or a phrase has them; None: no such wish.
            want_attention: Whether to return attention weights, where the model has them.
            sentence_numbers: [sentences], what random draws know a sentence by; None: its place in the batch. Give each
                sentence's place in the whole text, and its draws do not depend on how the text was batched.

        Raises:
            UserError: A prefix, a phrase or what is banned holds an id that cannot stand there, this search cannot
                promise phrases, or what is forbidden leaves a sentence without any translation.
            WorkError: The model gives no usable probabilities.
        """
