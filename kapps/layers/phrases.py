"""Names as the tokens of a text that a network of pictures reads, and what they say of queries."""

from functools import partial

import keras
import numpy as np
from keras import ops

from kapps.layers.initializers import initializer
from kapps.layers.vocabulary import VOCABULARY

_register = keras.saving.register_keras_serializable(package="kapps")
NEVER = -1e4  # added to the product of what must not meet; half precision has a number for it


@_register
class PhraseVocabulary(keras.layers.Layer):
    """What BERT says of each token of "[CLS] cat . remote control . [SEP]", in fixed weights.

    Tokens see those of their own phrase, whose end is a full stop, and count places from its
    beginning. Until `kapps.set_vocabulary` fills it there are none.

    Source: Grounding DINO (Liu et al., 2023, arXiv:2303.05499), section 3.4, "sub-sentence level".

    Args:
        count: of phrases, each of which is a class.
        tokens: for how many of them there is room.
        channels: of what BERT says.
        encoder: the kind of text encoder, of `kapps.detection.vocabulary.ENCODERS`.

    Input: anything of a batch. Output: a dictionary of
        "states" (batch, tokens, channels);
        "within" (1, tokens, tokens) and "present" (1, 1, tokens), which are added to products: 0
        for tokens of the same phrase, or that are there at all, otherwise `NEVER`;
        "places" (1, tokens, 1) within the phrase, from 0 on;
        "phrases" (tokens,), int32: class + 1, or 0 for what is no word.
    """

    def __init__(self, count: int, tokens: int, channels: int, encoder: str, **kwargs):
        super().__init__(**{"name": VOCABULARY, **kwargs})
        self.count, self.tokens, self.channels, self.encoder = count, tokens, channels, encoder

    def build(self, input_shape):  # noqa: ARG002
        weight = partial(self.add_weight, initializer=initializer("zeros"), trainable=False)
        self.states = weight(shape=(self.tokens, self.channels), name="states")
        # The numbers of a phrase's first token and of its full stop; both are 0 before it is there.
        self.phrases = weight(shape=(self.count, 2), dtype="int32", name="phrases")

    def call(self, inputs):
        dtype, number = self.compute_dtype, ops.arange(self.tokens, dtype="int32")
        phrases = ops.convert_to_tensor(self.phrases)
        begins, ends = phrases[:, 0], phrases[:, 1]
        begun = ops.cast(begins[None] <= number[:, None], "int32")
        last = ops.max(ends)
        # [SEP] follows the last full stop, and room that nobody uses follows [SEP].
        after = [ops.cast(number > last + i, "int32") for i in (0, 1)]
        segments = ops.sum(begun, axis=1) + after[0] + after[1]
        same = ops.equal(segments[:, None], segments[None])
        before = ops.convert_to_tensor(np.tri(self.tokens, k=-1, dtype="float32"))
        present = ops.logical_and(number <= last + 1, last > 0)
        words = begun * ops.cast(number[:, None] < ends[None], "int32")
        states = ops.cast(self.states, dtype)
        return {
            "states": ops.broadcast_to(states, (ops.shape(inputs)[0], *states.shape)),
            "within": ops.cast(ops.where(same, 0.0, NEVER), dtype)[None],
            "present": ops.cast(ops.where(present, 0.0, NEVER), dtype)[None, None],
            "places": ops.sum(ops.cast(same, "float32") * before, axis=-1)[None, :, None],
            "phrases": ops.sum(words * ops.arange(1, self.count + 1, dtype="int32"), axis=1),
        }

    def compute_output_spec(self, inputs):
        tokens, dtype = self.tokens, self.compute_dtype
        return {
            "states": keras.KerasTensor((inputs.shape[0], tokens, self.channels), dtype),
            "within": keras.KerasTensor((1, tokens, tokens), dtype),
            "present": keras.KerasTensor((1, 1, tokens), dtype),
            "places": keras.KerasTensor((1, tokens, 1), "float32"),
            "phrases": keras.KerasTensor((tokens,), "int32"),
        }

    @property
    def is_empty(self) -> bool:
        """Whether nobody has said yet what to look for."""
        return not ops.convert_to_numpy(self.phrases).any()

    def values(self, names: list[str], said) -> list[np.ndarray]:
        """The weights, in the order of `self.weights`, that hold these names.

        Args:
            names: what to look for; as many as a layer will have that may not be this one.
            said: what an encoder says of each, (tokens, channels): of [CLS], of the name, of its
                full stop and of [SEP]. Rows of NaN at the end do not count.

        Raises:
            ValueError: they have other shapes, numbers that are none, or no room.
        """
        known = [_without_padding(np.asarray(one, "float32")) for one in said]
        shapes = [one.shape for one in known]
        if len(known) != len(names) or any(
            len(shape) != 2 or shape[0] < 4 or shape[1] != self.channels for shape in shapes
        ):
            raise ValueError(
                f"what the encoder says of {len(names)} names has the shapes {shapes}; expected "
                f"for each (tokens, {self.channels}): of [CLS], the name, its full stop, [SEP]"
            )
        if not all(np.isfinite(one).all() for one in known):
            raise ValueError("what the encoder says has numbers that are not finite")
        rows = [known[0][:1], *(one[1:-1] for one in known), known[0][-1:]]
        count = sum(map(len, rows))
        if count > self.tokens:
            raise ValueError(
                f"{len(names)} names are {count} tokens, and there is room for {self.tokens}; "
                f"build the network with tokens={count}, or look for less"
            )
        begins = np.cumsum([len(one) for one in rows])[:-1]
        phrases = np.stack([begins[:-1], begins[1:] - 1], axis=1).astype("int32")
        return [np.pad(np.concatenate(rows), ((0, self.tokens - count), (0, 0))), phrases]

    def get_config(self):
        return super().get_config() | {
            "count": self.count,
            "tokens": self.tokens,
            "channels": self.channels,
            "encoder": self.encoder,
        }


def _without_padding(rows: np.ndarray) -> np.ndarray:
    """Rows up to the last one that is not all NaN."""
    there = np.flatnonzero(~np.isnan(rows).all(axis=-1)) if rows.ndim == 2 else ()
    return rows[: there[-1] + 1] if len(there) else rows


@_register
class TokenLogits(keras.layers.Layer):
    """How well queries fit tokens: their dot products, float32.

    Source: Grounding DINO (Liu et al., 2023, arXiv:2303.05499), section 3.2 and 3.5.

    Inputs: (batch, Q, channels), (batch, tokens, channels), and what is added, (1, 1, tokens).
    Output: (batch, Q, tokens).
    """

    def __init__(self, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})

    def call(self, inputs):
        queries, tokens, present = inputs
        return ops.matmul(queries, ops.transpose(tokens, (0, 2, 1))) + present

    def compute_output_spec(self, inputs):
        queries, tokens, _ = inputs
        return keras.KerasTensor((*queries.shape[:2], tokens.shape[1]), "float32")


@_register
class PhraseLogits(keras.layers.Layer):
    """The logit of a phrase is that of the word of it that fits best: float32 (batch, Q, classes).

    As `post_process_grounded_object_detection` of transformers scores what it has found.

    Args:
        count: of phrases.

    Inputs: logits of tokens (batch, Q, tokens), and "phrases" of `PhraseVocabulary`.
    """

    def __init__(self, count: int, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.count = count

    def call(self, inputs):
        logits, phrases = inputs
        by_token = ops.transpose(logits, (2, 0, 1))
        best = ops.segment_max(by_token, phrases, self.count + 1)[1:]  # 0 is no phrase
        return ops.maximum(ops.transpose(best, (1, 2, 0)), NEVER)  # of a phrase without words

    def compute_output_spec(self, inputs):
        logits, _ = inputs
        return keras.KerasTensor((*logits.shape[:2], self.count), "float32")

    def get_config(self):
        return super().get_config() | {"count": self.count}
