"""Denoising queries of RT-DETR: how they begin, whom they see, what they cost, how they teach.

The numbers are transformers 5.24's: `get_contrastive_denoising_training_group` with the chances
below in place of its own, and `RTDetrForObjectDetectionLoss` for what blocks say below.
"""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import ops

from kapps.applications import rt_detr
from kapps.detection import denoising, objectives
from kapps.detection.anchors import Everywhere
from kapps.detection.coders import ShareCoder
from kapps.errors import SettingsError
from kapps.layers import Blocks, Network
from kapps.tasks.denoising import CUT
from kapps.tasks.detection import Detection
from tests.tasks.detectors import network as ssd

pytestmark = pytest.mark.contract

BACKEND = keras.backend.backend()
CLASSES, MATCHED = 3, 3
TRUTH = {
    "boxes": np.float32(
        [[[10, 12, 40, 38], [60, 50, 110, 120], [-1] * 4], [[5, 60, 50, 125], [-1] * 4, [-1] * 4]]
    ),
    "labels": np.int32([[0, 2, -1], [1, -1, -1]]),
}
LABELS = [[0, 2, 0, 2, 0, 2, 0, 2], [1, -1, 1, -1, 1, -1, 2, -1]]
BOXES = [
    [
        [0.1489, 0.1774, 0.1404, 0.3341], [0.6276, 0.5869, 0.7066, 0.8261],
        [0.1858, 0.2253, 0.0, 0.4507], [0.6006, 0.369, 0.7987, 0.5057],
        [0.2304, 0.267, 0.2832, 0.2367], [0.4888, 0.5315, 0.3589, 0.4893],
        [0.1622, 0.0867, 0.0, 0.1735], [0.7007, 0.9556, 0.0, 0.0888],
    ],
    [
        [0.2266, 0.7436, 0.4531, 0.2024], [0.0] * 4, [0.4238, 0.7248, 0.3482, 0.0], [0.0] * 4,
        [0.1631, 0.789, 0.2723, 0.4221], [0.0] * 4, [0.4698, 0.263, 0.3009, 0.4311], [0.0] * 4,
    ],
]  # fmt: skip
LOSSES = {
    "class_loss": 3.6732548475265503,
    "box_loss": 9.151668548583984,
    "giou_loss": 4.169870853424072,
}


def tensors(values):
    return {key: ops.convert_to_tensor(value) for key, value in values.items()}


def numpy(x):
    return ops.convert_to_numpy(x)


def test_two_groups_of_two_truths():
    """Of five queries with a truth four are used, in two groups; the last pair is left over."""
    truth, rng = tensors(TRUTH), np.random.default_rng(7)
    chance = ops.convert_to_tensor(rng.uniform(size=(2, 10, 10)), "float32")
    layout = denoising.lay_out(truth["labels"], 5)
    assert numpy(layout.used).tolist() == [True] * 8 + [False] * 2 and int(layout.count) == 2
    anchors = Everywhere(1).lay((128, 128), [(1, 1)]).boxes
    shares = ShareCoder().encode(truth["boxes"], anchors)
    labels, boxes = denoising.noised(shares, truth["labels"], layout, chance, CLASSES)
    assert numpy(labels)[:, :8].tolist() == LABELS
    np.testing.assert_allclose(np.maximum(numpy(boxes), 0)[:, :8], BOXES, atol=1e-4)
    found = denoising.matches(truth["labels"], layout)
    positive = [np.flatnonzero(row).tolist() for row in numpy(found.positive)]
    assert positive == [[0, 1, 4, 5], [0, 4]]
    kept = np.r_[:8, 10:13]
    group = [[0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0]] * 4 + [[1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0]] * 4
    hidden = numpy(denoising.hidden(layout, MATCHED))
    assert hidden[np.ix_(kept, kept)].tolist() == [*group, *[[1] * 8 + [0] * 3] * 3]
    assert hidden[kept, 8:10].all()


def test_what_blocks_say_of_them():
    rng = np.random.default_rng(7)
    rng.uniform(size=(2, 10, 10))
    logits = rng.normal(size=(2, 3, 11, CLASSES)).astype("float32")
    shares = rng.uniform(0.2, 0.8, size=(2, 3, 11, 4)).astype("float32")
    objective = objectives.of(
        SimpleNamespace(
            objective={"name": "rt_detr"},
            anchors=Everywhere(MATCHED).lay((128, 128), [(1, 1)]),
            coder=ShareCoder(),
            class_offset=0,
            image_size=(128, 128),
        )
    )
    assert objective.denoising_queries == 100
    # Two blocks of the decoder; what is left over may say anything.
    rows = [np.pad(x[:, 1:, :8], ((0, 0), (0, 0), (0, 2), (0, 0))) + 0 for x in (logits, shares)]
    raw = tensors(dict(zip(objective.outputs, rows, strict=True)))
    truth = tensors(TRUTH)
    layout = denoising.lay_out(truth["labels"], 5)
    got = objective.denoising_losses(raw, truth, layout)
    assert {key: float(numpy(x)) for key, x in got.items()} == pytest.approx(LOSSES, rel=1e-5)


@pytest.fixture(scope="module")
def network():
    """RT-DETR with a backbone of three convolutions and all else narrow."""
    keras.utils.set_random_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        narrow = {"QUERIES": MATCHED, "CHANNELS": 16, "MLP": 16, "HEADS": 2, "POINTS": 1}
        for name, value in narrow.items():
            patch.setattr(rt_detr, name, value)
        nn = Blocks(data_format="channels_last", activation="silu")
        x = image = keras.Input((64, 64, 3))
        maps = []
        for filters, strides in ((8, 8), (8, 2), (16, 2)):
            x = nn.conv(x, filters, strides, strides=strides, name=f"stage{len(maps)}")
            maps.append(x)
        sizes = {"channels": 16, "mlp": 16, "inside": 0.5, "blocks": 1}
        outputs = rt_detr.rt_detr(maps, nn, classes=CLASSES, image_size=(64, 64), **sizes)
    return Network(image, outputs, name="toy")


# What is compiled takes half a minute for what takes a second as it stands.
@pytest.mark.parametrize(
    "eager",
    [
        pytest.param(True, marks=[pytest.mark.sweep] if BACKEND == "jax" else []),
        pytest.param(False, marks=pytest.mark.sweep),
    ],
)
def test_a_network_trains_with_them(network, eager):
    keras.utils.set_random_seed(0)
    weights = network.get_weights()
    truth = {**TRUTH, "boxes": TRUTH["boxes"] / 2}
    images = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype("float32")
    names = [variable.path for variable in network.variables]
    model = Detection(denoising_queries=5).trainee(network)
    assert [v.path for v in network.variables] == names
    cut = model.network(images, training=False)
    parts = [cut[name] for name in CUT]
    whole = Network(network.inputs, [network.get_layer(n).output for n in model.decoder.output])
    raw = model.decoder([*parts, ops.zeros((1, MATCHED, MATCHED))], training=False)
    for ours, theirs in zip(raw.values(), whole(images, training=False), strict=True):
        np.testing.assert_allclose(numpy(ours), numpy(theirs), rtol=1e-4, atol=1e-5)
    # What a query that no one may see is like changes nothing.
    mask = np.zeros((1, MATCHED + 1, MATCHED + 1), "float32")
    mask[:, 1:, 0] = -1e4
    first = [ops.concatenate([x[:, :1] + 1, x], axis=1) for x in parts[:3]]
    said = model.decoder([*first, parts[3], ops.convert_to_tensor(mask)], training=False)
    for ours, alone in zip(said.values(), raw.values(), strict=True):
        ours = numpy(ours).reshape(2, 2, MATCHED + 1, -1)[:, :, 1:]
        np.testing.assert_allclose(ours, numpy(alone).reshape(ours.shape), rtol=1e-4, atol=1e-5)
    before = numpy(model.vectors.embeddings)
    model.compile(keras.optimizers.SGD(0.001), run_eagerly=eager)
    losses = model.fit(images, truth, batch_size=2, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert (numpy(model.vectors.embeddings) != before).any(axis=1).all()  # each class was there
    said = dict(zip(CUT, parts, strict=True))
    alone = model.objective.losses(raw, tensors(truth))
    judged = model.parts(tensors(truth), said, training=False)  # of matched queries alone
    assert set(judged) == set(alone) == set(LOSSES)
    network.set_weights(weights)


def test_only_who_has_them_may_be_told_how_many(network):
    with pytest.raises(SettingsError, match="denoising_queries=9 has no effect on toy"):
        Detection(denoising_queries=9).trainee(ssd())
    for wrong in (-1, 2.5):
        with pytest.raises(SettingsError, match=f"denoising_queries={wrong}: use a number from 1"):
            Detection(denoising_queries=wrong)
    plain = Detection(denoising_queries=0).trainee(network)
    assert not hasattr(plain, "vectors")
