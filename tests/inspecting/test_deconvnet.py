"""The deconvnet against section 2.1 of its paper, written down in numpy."""

import keras
import numpy as np
import pytest
from keras import layers

from kapps.inspect import Deconvnet
from kapps.layers import LocalResponseNormalization

pytestmark = pytest.mark.contract
RANDOM = np.random.default_rng(1)


@pytest.fixture(scope="module")
def net():
    """Two convolutions as AlexNet has them, with a ReLU inside a layer and one of its own."""
    model = keras.Sequential(
        [
            keras.Input((13, 11, 3)),
            layers.Conv2D(4, 3, strides=2, activation="relu", name="one"),
            LocalResponseNormalization(name="norm"),
            layers.MaxPooling2D(2, name="pool"),
            layers.Conv2D(5, 2, name="two"),
            layers.ReLU(name="relu"),
            layers.Flatten(),
            layers.Dense(3, activation="softmax", name="predictions"),
        ]
    )
    for weight in model.weights:
        weight.assign(RANDOM.normal(size=weight.shape).astype("float32") / 2)
    return model


@pytest.fixture(scope="module")
def images():
    return RANDOM.uniform(-1, 1, (4, 13, 11, 3)).astype("float32")


def kernel(net, name):
    return keras.ops.convert_to_numpy(net.get_layer(name).kernel)


def flipped(signal, kernel, shape, stride):
    """Each number of a signal adds the filter that made it, where it was made."""
    found = np.zeros(shape)
    high, wide = kernel.shape[:2]
    for y, x in np.ndindex(signal.shape[:2]):
        place = slice(y * stride, y * stride + high), slice(x * stride, x * stride + wide)
        found[place] += kernel @ signal[y, x]
    return found


def unpooled(signal, below):
    """To the place of each maximum of 2x2: its switch."""
    found = np.zeros_like(below)
    for y, x, k in np.ndindex(signal.shape):
        window = below[2 * y : 2 * y + 2, 2 * x : 2 * x + 2, k]
        i, j = np.unravel_index(window.argmax(), window.shape)
        found[2 * y + i, 2 * x + j, k] = signal[y, x, k]
    return found


def test_a_projection_is_what_the_paper_says(net, images):
    deconvnet = Deconvnet(net, "relu")
    names = ["image", "one", "norm", "pool", "two", "relu"]
    values = dict(zip(names, deconvnet.forward(images), strict=True))
    values = {name: keras.ops.convert_to_numpy(x) for name, x in values.items()}
    signal = RANDOM.normal(size=values["relu"].shape).astype("float32")
    found = deconvnet.project(images, signal)
    for i in range(len(images)):
        x = np.maximum(signal[i], 0)  # the ReLU lets through what is above 0, whatever was below
        x = flipped(x, kernel(net, "two"), values["pool"][i].shape, 1)
        x = unpooled(x, values["norm"][i])
        x = np.maximum(x, 0)
        x = flipped(x, kernel(net, "one"), images[i].shape, 2)
        np.testing.assert_allclose(found[i], x, atol=1e-5)


def test_the_images_that_a_filter_answers_to_most(net, images):
    deconvnet = Deconvnet(net, "relu")
    answers = keras.ops.convert_to_numpy(deconvnet.forward(images)[-1])
    filter = int((answers.max(axis=(1, 2)) > 0).sum(axis=0).argmax())  # that most images excite
    answers = answers[..., filter]
    best = answers.max(axis=(1, 2))
    found = deconvnet.top(images, filter, count=3, batch_size=3)
    order = [i for i in np.argsort(-best) if best[i] > 0][:3]
    assert len(order) > 1 and [top.image for top in found] == order
    for top in found:
        assert top.value == pytest.approx(best[top.image], rel=1e-5)
        assert answers[top.image][top.place] == pytest.approx(top.value, rel=1e-5)
        left, above, right, below = top.box
        # By hand: 3 + (2 - 1) x 2 = 5 behind the pool, + (2 - 1) x 4 = 9; 4 pixels further a place.
        assert (above, left) == (4 * top.place[0], 4 * top.place[1])
        assert (below - above, right - left) == (min(9, 13 - above), min(9, 11 - left))
        outside = np.ones((13, 11), bool)
        outside[above:below, left:right] = False
        assert top.projection.any() and not top.projection[outside].any()


def test_what_has_no_rule_is_named(net):
    image = keras.Input((8, 8, 1))
    x = layers.Conv2D(2, 3, activation="tanh", name="smooth")(image)
    with pytest.raises(ValueError, match="no rule for layer 'smooth', Conv2D with tanh"):
        Deconvnet(keras.Model(image, x), "smooth")
    x = layers.Conv2D(2, 3, padding="same", name="one")(image)
    x = layers.Add(name="add")([x, layers.Conv2D(2, 3, padding="same", name="two")(x)])
    with pytest.raises(ValueError, match="branches after 'one'"):
        Deconvnet(keras.Model(image, x), "add")
    with pytest.raises(ValueError, match="filter 5 is none of the 5"):
        Deconvnet(net, "relu").top(np.zeros((1, 13, 11, 3)), 5)
