"""Detectors that find a set: queries in a graph, in a file, in a training step, in an answer."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from kapps.detection.anchors import Everywhere
from kapps.detection.coders import ShareCoder
from kapps.detection.host import suppress_on_host
from kapps.detection.rules import Suppression
from kapps.detection.suppression import suppress
from kapps.layers import Blocks, Network, Queries, SinePositions, set_outputs
from kapps.layers.sine_positions import sines
from kapps.tasks.detection import Detection
from kapps.tasks.detector import Detector

pytestmark = pytest.mark.contract

CLASSES, SIZE = 2, (32, 64)
RULE = Suppression(max_detections=4, candidates=None, best_class=True, method="none")


@pytest.fixture(scope="module")
def network():
    """Five queries that look at a map of 4x8 places in two blocks."""
    keras.utils.set_random_seed(0)
    nn = Blocks(data_format="channels_last")
    image = keras.Input((*SIZE, 3))
    x = layers.Conv2D(8, 8, 8, data_format="channels_last", name="stem")(image)
    x = layers.Reshape((32, 8), name="tokens")(x)
    placed = SinePositions(4, 8, name="places")(x)
    said = [Queries(5, name="queries")(x)]
    for block in (1, 2):
        y = nn.cross_attention(said[-1], placed, x, 2, name=f"block{block}")
        said.append(nn.norm_after(said[-1], y, name=f"block{block}"))
    x = layers.Concatenate(axis=1)(said[1:])
    outputs = set_outputs(
        nn.dense(x, CLASSES + 1, name="head_class_predictions"),
        nn.dense(x, 4, name="head_box"),
        queries=5,
        image_size=SIZE,
        objective={"name": "detr"},
        activation="softmax",
        background="last",
        suppression=RULE,
    )
    return Network(image, outputs, name="toy")


def test_the_last_block_answers_and_no_class_is_nothing(network, tmp_path):
    names = ("block_class_logits", "class_logits", "box_regression", "boxes", "scores")
    images = np.random.default_rng(0).uniform(0, 1, (2, *SIZE, 3)).astype("float32")
    whole = keras.Model(network.inputs, {name: network.get_layer(name).output for name in names})
    said = whole.predict(images, verbose=0)
    np.testing.assert_array_equal(said["class_logits"], said["block_class_logits"][:, 5:])
    shares = np.exp(said["class_logits"])
    shares /= shares.sum(-1, keepdims=True)
    np.testing.assert_allclose(said["scores"], shares[..., :CLASSES], atol=1e-6)
    x, y, width, height = np.moveaxis(said["box_regression"], -1, 0)
    corners = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
    boxes = np.stack(corners, -1) * [64, 32, 64, 32]
    np.testing.assert_allclose(said["boxes"], boxes, atol=1e-4)
    assert Detection().kind_of(network) == "set"
    network.save(tmp_path / "set.keras")
    again = keras.models.load_model(tmp_path / "set.keras")
    for key, value in again.predict(images, verbose=0).items():
        np.testing.assert_array_equal(value, said[key])
    assert again.get_layer("boxes").suppression == RULE


def test_it_learns_what_is_where(network):
    """In Keras's own step, which asks scipy for the assignment."""
    rng = np.random.default_rng(1)
    images = rng.uniform(0, 1, (4, *SIZE, 3)).astype("float32")
    truth = {
        "boxes": np.float32([[[8, 4, 24, 20], [40, 10, 60, 30]], [[8, 4, 24, 20], [-1] * 4]] * 2),
        "labels": np.int32([[0, 1], [0, -1]] * 2),
    }
    model = Detector(network)
    model.compile(keras.optimizers.Adam(0.005))
    history = model.fit(images, truth, batch_size=4, epochs=30, verbose=0).history
    assert {"class_loss", "box_loss", "giou_loss"} <= set(history)
    for part in ("class_loss", "box_loss"):
        assert history[part][-1] < 0.8 * history[part][0], (part, history[part])


def test_boxes_that_overlap_stay():
    """The rule that DETR was judged by: all queries, each with its best class."""
    boxes = np.float32([[[0, 0, 10, 10], [0, 0, 10, 10], [0, 0, 9, 9], [5, 5, 6, 6], [1, 1, 2, 2]]])
    scores = np.float32([[[0.9, 0.1], [0.2, 0.6], [0.7, 0.3], [0.01, 0.02], [0.3, 0.4]]])
    expected = {"scores": [0.9, 0.7, 0.6, 0.4], "classes": [0, 0, 1, 1], "anchors": [0, 2, 1, 4]}
    in_graph = suppress(ops.convert_to_tensor(boxes), ops.convert_to_tensor(scores), RULE)
    in_graph = {key: ops.convert_to_numpy(value) for key, value in in_graph.items()}
    for found in (in_graph, suppress_on_host(boxes, scores, RULE)):
        for key, values in expected.items():
            np.testing.assert_allclose(found[key][0], values, rtol=1e-6)
        np.testing.assert_array_equal(found["boxes"][0], boxes[0, [0, 2, 1, 4]])


def test_shares_are_decoded_and_coded():
    anchors = Everywhere(2).lay((50, 200), [(1, 1)]).boxes
    boxes = np.float32([[20, 10, 60, 30], [0, 0, 200, 50]])
    shares = np.float32([[0.2, 0.4, 0.2, 0.4], [0.5, 0.5, 1, 1]])
    coder = ShareCoder()
    got = ops.convert_to_numpy(coder.encode(ops.convert_to_tensor(boxes), anchors))
    np.testing.assert_allclose(got, shares, rtol=1e-6)
    got = ops.convert_to_numpy(coder.decode(ops.convert_to_tensor(shares), anchors))
    np.testing.assert_allclose(got, boxes, rtol=1e-6, atol=1e-5)


def test_sines_by_hand():
    """Row 2 of 4 and column 3 of 8, of 8 channels: two speeds, 1 and 1/100."""
    y, x = 2 * np.pi * 3 / 4, 2 * np.pi * 4 / 8
    expected = [f(v * s) for v in (y, x) for s in (1, 0.01) for f in (np.sin, np.cos)]
    np.testing.assert_allclose(sines(4, 8, 8, "share")[2 * 8 + 3], expected, atol=1e-5)
    expected = [f(v * s) for v in (2, 3) for f in (np.sin, np.cos) for s in (1, 0.01)]
    np.testing.assert_allclose(sines(4, 8, 8, "pixel")[2 * 8 + 3], expected, atol=1e-6)
    with pytest.raises(ValueError, match="6 channels: expected a number that 4 divides"):
        sines(2, 2, 6, "pixel")
