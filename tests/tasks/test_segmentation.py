"""A class for each pixel: losses and numbers against worked examples, and a network that learns."""

import keras
import numpy as np
import pytest

from kapps import tasks
from kapps.applications import UNet
from kapps.data.placement import Placement
from kapps.errors import SettingsError
from kapps.segmentation import painting
from kapps.segmentation import scoring as pixel_scoring
from kapps.tasks.pixel_losses import PixelLoss
from kapps.tasks.segmentation import Segmentation, in_photo

TRUTH = np.array([[[0, 1], [1, 255]]], "uint8")
SHARES = np.array([[[[0.8, 0.2], [0.4, 0.6]], [[0.7, 0.3], [0.0, 1.0]]]], "float32")


def value(kind, from_logits=False, **settings):
    answers = np.log(np.maximum(SHARES, 1e-7)) if from_logits else SHARES
    loss = PixelLoss(kind, from_logits=from_logits, **settings)
    return float(keras.ops.convert_to_numpy(loss(TRUTH, answers)))


def numpy_lovasz(shares, truth):
    """Algorithm 1 of Berman et al. as a loop over thresholds: the Choquet integral of Jaccard."""
    losses = []
    for number in range(shares.shape[-1]):
        right = truth == number
        if not right.any():
            continue
        errors = np.abs(right - shares[:, number])
        order, total, before = np.argsort(-errors, kind="stable"), 0.0, 0.0
        for place in range(len(order)):
            wrong = np.zeros(len(errors), bool)
            wrong[order[: place + 1]] = True
            jaccard = 1 - (right & ~wrong).sum() / (right | wrong).sum()
            total += errors[order[place]] * (jaccard - before)
            before = jaccard
        losses.append(total)
    return np.mean(losses)


@pytest.mark.contract
@pytest.mark.parametrize("from_logits", [False, True])
def test_losses_of_the_pixels_that_count(from_logits):
    entropies = -np.log([0.8, 0.6, 0.3])
    assert value("cross_entropy", from_logits) == pytest.approx(entropies.mean(), rel=1e-4)
    weighted = (2 * entropies[0] + entropies[1] + entropies[2]) / 4
    found = value("cross_entropy", from_logits, class_weights=[2.0, 1.0])
    assert found == pytest.approx(weighted, rel=1e-4)
    focal = ((1 - np.array([0.8, 0.6, 0.3])) ** 2 * entropies).mean()
    assert value("focal", from_logits) == pytest.approx(focal, rel=1e-4)
    # Class 0: 2 * 0.8 / (1.9 + 1); class 1: 2 * (0.6 + 0.3) / (1.1 + 2).
    dice = 1 - (1.6 / 2.9 + 1.8 / 3.1) / 2
    assert value("dice", from_logits) == pytest.approx(dice, rel=1e-4)
    shares, truth = SHARES.reshape(4, 2)[:3], TRUTH.reshape(4)[:3]
    lovasz = numpy_lovasz(shares, truth)
    assert value("lovasz", from_logits) == pytest.approx(lovasz, rel=1e-4)
    both = value("cross_entropy+dice", from_logits)
    assert both == pytest.approx(entropies.mean() + dice, rel=1e-4)


def test_the_numbers_of_a_worked_example():
    found = np.array([[0, 1], [0, 1]])
    counts = pixel_scoring.confusion(found, TRUTH[0], 3)
    assert counts.tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 0]]
    assert pixel_scoring.numbers(counts) == pytest.approx(
        {"miou": (1 / 2 + 1 / 2) / 2, "pixel_accuracy": 2 / 3, "dice": (2 / 3 + 2 / 3) / 2}
    )


def test_edges_of_two_squares():
    truth, found = np.zeros((2, 20, 20), "uint8")
    truth[4:12, 4:12], found[4:12, 5:13] = 1, 1  # 8 x 8 pixels, one to the right; a rim of one
    both, either = pixel_scoring.boundary(found, truth, 2)[1]
    # Of rims of 28 pixels the rows above and below share 7 each, and no column is of both.
    assert (both, either) == (14, 2 * 28 - 14)


def test_what_evaluate_says():
    answers, masks = [np.array([[0, 1], [0, 1]], "uint8")], TRUTH
    said = Segmentation().evaluate(answers, masks, ["sky", "tree", "road"], [None] * 3)
    assert said["images"] == 1 and said["miou"] == 0.5
    assert [row["label"] for row in said["per_class"]] == ["sky", "tree"]
    assert said["per_class"][0]["iou"] == 0.5
    assert len(Segmentation().tables(said)) == 2


def test_a_mask_comes_back_to_the_photo():
    mask = np.array([[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]], "uint8")
    # A photo of 8x2 in the middle two rows of a 4x4 input.
    found = in_photo(mask, Placement(0, 1, 4, 3), (8, 2))
    assert found.tolist() == [[1, 1, 1, 1, 2, 2, 2, 2], [3, 3, 3, 3, 4, 4, 4, 4]]


def test_what_is_said_of_a_photo():
    task = Segmentation()
    answer = np.array([[0, 0], [0, 2]], "uint8")
    said = task.say(answer, ["sky", "tree", "road"], [None] * 3, 5)
    assert said["classes"] == [
        {"label": "sky", "index": 0, "share": 0.75},
        {"label": "road", "index": 2, "share": 0.25},
    ]
    assert np.array_equal(painting.of_url(said["mask"]), answer)


def test_the_palette_is_pascals():
    # VOC's development kit: background, aeroplane, bicycle, ..., tvmonitor.
    colours = painting.palette()
    assert colours[[0, 1, 2, 20]].tolist() == [[0, 0, 0], [128, 0, 0], [0, 128, 0], [0, 64, 128]]


def test_a_loss_that_does_not_exist():
    with pytest.raises(SettingsError, match=r"loss='dise'.*cross_entropy\+dice"):
        Segmentation(loss="dise")


class Masks:
    """Two photos whose left half is dark and of class 0, the right one bright and of class 1."""

    batch_size, class_names = 2, ("dark", "bright")

    def __init__(self):
        images = np.zeros((2, 32, 32, 3), "uint8")
        images[:, :, 16:] = 200
        masks = np.zeros((2, 32, 32), "uint8")
        masks[:, :, 16:] = 1
        masks[:, 0] = 255
        self.rows = [(images, masks)]

    def __iter__(self):
        return iter(self.rows)


@pytest.mark.contract
def test_a_u_net_learns_two_halves():
    keras.utils.set_random_seed(1)
    task = tasks.find("segmentation")(loss="cross_entropy+dice")
    data = Masks()
    task.see(np.array([]), data.class_names)
    network = UNet(classes=2, filters=4, norm=False, input_shape=(32, 32, 3))
    before, _ = task.examine(network, data)
    model = task.trainee(network)
    compiled = keras.backend.backend() == "jax"  # elsewhere it takes longer than 25 steps
    model.compile(keras.optimizers.Adam(0.01), jit_compile=compiled, **task.compiled(network))
    ((images, masks),) = data
    model.fit(images, masks, batch_size=2, epochs=25, verbose=0)
    twin = task.answering(network)
    after, findings = task.examine(twin, data)
    assert after["loss"] < before["loss"]
    assert after["miou"] > 0.7
    shown = findings(data.class_names)
    assert {one.title for one in shown} >= {"Classes", "The worst photos"}


def test_a_side_helps_and_does_not_answer():
    inputs = keras.Input((8, 8, 3))
    ends = [keras.layers.Conv2D(2, 1, name=name)(inputs) for name in ("logits", "aux_logits")]
    scores = [keras.layers.Activation("softmax")(x) for x in ends]
    network, task = keras.Model(inputs, scores), Segmentation(aux_weight=0.5)
    model = task.trainee(network)
    model.compile("sgd", **task.compiled(network))
    image, truth = np.ones((1, 8, 8, 3), "float32"), np.zeros((1, 8, 8), "uint8")
    main, side = (-np.log(keras.ops.convert_to_numpy(x)[..., 0]).mean() for x in network(image))
    loss = model.evaluate(image, truth, verbose=0, return_dict=True)["loss"]
    assert loss == pytest.approx(main + 0.5 * side, rel=1e-4)
    assert task.answering(network).output_shape == (None, 8, 8, 2)
