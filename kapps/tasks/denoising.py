"""Detectors of sets as they train with denoising queries, which the network itself has not."""

from collections.abc import Sequence

import keras
from keras import ops

from kapps.detection import denoising
from kapps.layers import CrossAttention, Network, RefineBoxes
from kapps.layers.initializers import RandomNormal
from kapps.layers.phrases import NEVER
from kapps.tasks.detector import Detector

# Where the decoder begins: what the matched queries say at first of classes and boxes, the queries
# themselves, and the maps that they look at.
CUT = ("head_select_class", "head_select_boxes", "head_queries", "head_places")


class DenoisingDetector(Detector):
    """A network whose decoder also gets noised truths, in groups that see only themselves and the
    matched queries, and must find them again.

    A denoising query begins as the noised box and a vector of the noised class; the vectors train
    with the network, and are not of it.

    Args:
        network: ends in the layers of `kapps.layers.set_outputs`, and has those of `CUT`.
        box_weight: of all losses but that of the classes.
        queries: how many denoising queries with a truth there are.
    """

    def __init__(self, network: keras.Model, box_weight: float, queries: int):
        super().__init__(network, box_weight)
        self.queries = queries
        self.decoder = decoder_of(network, self.objective.outputs)
        logits, _, first, _ = (network.get_layer(name).output for name in CUT)
        self.matched, self.classes = first.shape[1], logits.shape[-1]
        self.vectors = keras.layers.Embedding(
            self.classes,
            first.shape[-1],
            embeddings_initializer=RandomNormal(stddev=1.0),
            name="denoising_vectors",
        )
        self.vectors.build((None, None))
        self.as_logits = RefineBoxes(name="denoising_boxes")
        self.seeds = keras.random.SeedGenerator(0)

    def raw(self, network: keras.Model) -> keras.Model:
        outputs = {name: network.get_layer(name).output for name in CUT}
        return Network(network.inputs, outputs, name=network.name)

    def parts(self, truth, said, training: bool) -> dict:
        cut = [said[name] for name in CUT]
        if not training:
            nothing = ops.zeros((1, self.matched, self.matched))
            return self.objective.losses(self.decoder([*cut, nothing]), truth)
        layout = denoising.lay_out(truth["labels"], self.queries)
        added = layout.truths.shape[0]
        logits, *cut, memory = cut
        logits = ops.pad(logits, ((0, 0), (added, 0), (0, 0)))  # nobody reads what is added
        rows = [
            ops.concatenate([ops.cast(noised, x.dtype), x], axis=1)
            for noised, x in zip(self._noised(truth, layout), cut, strict=True)
        ]
        mask = ops.where(denoising.hidden(layout, self.matched), NEVER, 0.0)[None]
        raw = self.decoder([logits, *rows, memory, mask], training=True)
        blocks = {name: self._by_block(x, added) for name, x in raw.items()}
        noised = {name: x[:, 1:, :added] for name, x in blocks.items()}  # they begin in block 1
        whole = {
            name: ops.reshape(x[:, :, added:], (-1, x.shape[1] * self.matched, x.shape[-1]))
            for name, x in blocks.items()
        }
        found = self.objective.losses(whole, truth)
        more = self.objective.denoising_losses(noised, truth, layout)
        return {name: value + more[name] for name, value in found.items()}

    def _noised(self, truth, layout) -> tuple:
        """(boxes as logits, vectors) of the denoising queries; a vector of padding is zero."""
        labels, shares = self.objective.noised(truth, layout, self.classes, self.seeds)
        boxes = self.as_logits([ops.zeros_like(shares), shares])
        vectors = self.vectors(ops.maximum(labels, 0))
        return boxes, vectors * ops.cast(labels >= 0, vectors.dtype)[..., None]

    def _by_block(self, rows, added: int):
        """(batch, blocks * all queries, n) -> (batch, blocks, all queries, n)."""
        queries = added + self.matched
        return ops.reshape(rows, (-1, rows.shape[1] // queries, queries, rows.shape[-1]))


def decoder_of(network: keras.Model, outputs: Sequence[str]) -> keras.Model:
    """The decoder of a network, on its own layers, for any number of queries.

    Args:
        network: has the layers of `CUT`.
        outputs: the names of its last layers.

    Returns:
        A model of [outputs of `CUT`, mask], the latter (1, Q, Q) and added to what queries have in
        common; its outputs are by their names.
    """
    cut = [network.get_layer(name).output for name in CUT]
    mask = keras.Input(batch_shape=(1, None, None))
    last = {name: network.get_layer(name).output for name in outputs}
    inputs = [keras.Input((None, x.shape[-1]), dtype=x.dtype) for x in cut]

    def called(layer, given, *args, **kwargs):
        among = isinstance(layer, CrossAttention)
        return layer([*given, mask] if among else given, *args, **kwargs)

    return keras.models.clone_model(
        Network([*cut, mask], last),
        [*inputs, mask],
        clone_function=lambda layer: layer,
        call_function=called,
    )
