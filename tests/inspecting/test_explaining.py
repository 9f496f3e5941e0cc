"""What speaks for an answer, against formulas computed by hand and signals that were planted."""

import keras
import numpy as np
import pytest
from keras import layers

from kapps import inspect
from kapps.inspect import Score

pytestmark = pytest.mark.contract
RANDOM = np.random.default_rng(0)
SPOT = (slice(12, 18), slice(3, 9))  # rows and columns of what class 1 is about


@pytest.fixture(scope="module")
def cnn():
    """A convolution with a branch around the next, the mean over the map, a softmax of three."""
    image = keras.Input((20, 16, 3))
    x = layers.Conv2D(6, 3, strides=2, activation="relu", name="first")(image)
    y = layers.Conv2D(6, 1, name="branch")(x)
    x = layers.Add(name="sum")([x, y])
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    model = keras.Model(image, layers.Dense(3, activation="softmax", name="predictions")(x))
    for weight in model.weights:
        weight.assign(RANDOM.normal(size=weight.shape).astype("float32") / 2)
    return model


@pytest.fixture(scope="module")
def images():
    return RANDOM.uniform(0, 1, (2, 20, 16, 3)).astype("float32")


def answers(model, images, name="predictions"):
    """Outputs of a layer; of the classifier before its softmax."""
    inner = keras.Model(model.input, model.get_layer(name).output)
    if name != "predictions":
        return inner.predict(images, verbose=0)
    kernel, bias = map(keras.ops.convert_to_numpy, model.get_layer(name).weights)
    return answers(model, images, "mean") @ kernel + bias


@pytest.fixture(scope="module")
def finder():
    """Class 1 counts bright squares of 3x3 pixels in the red channel; class 0 knows nothing."""
    inner = keras.Sequential(
        [
            keras.Input((24, 24, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(2, 3, padding="same", activation="relu", name="maps"),
        ]
    )
    kernel = np.zeros((3, 3, 3, 2), "float32")
    kernel[:, :, 0, 0], kernel[:, :, 1, 1] = 1, 1
    inner.get_layer("maps").set_weights([kernel, np.float32([-7, 0])])
    model = keras.Sequential(
        [inner, layers.GlobalAveragePooling2D(), layers.Dense(2), layers.Activation("softmax")]
    )
    model.build((None, 24, 24, 3))
    model.layers[2].set_weights([np.float32([[-20, 20], [0, 0]]), np.zeros(2, "float32")])
    return model


@pytest.fixture(scope="module")
def planted():
    image = RANDOM.uniform(0, 60, (1, 24, 24, 3)).astype("float32")
    image[(0, *SPOT, 0)] = 255
    return image


def test_grad_cam_is_cam_on_a_linear_head(cnn, images):
    """Zhou et al., equation 2: the maps weighed by the classifier; the mean adds 1 / positions."""
    maps = answers(cnn, images, "sum")
    kernel = keras.ops.convert_to_numpy(cnn.get_layer("predictions").kernel)
    expected = np.maximum(maps @ kernel[:, 2], 0) / np.prod(maps.shape[1:3])
    np.testing.assert_allclose(inspect.grad_cam(Score(cnn, images, 2)), expected, atol=1e-6)


def test_the_gradient_of_an_inner_map_takes_all_paths(cnn, images):
    """Of a map before a branch: the head times 1 + the branch."""
    maps = answers(cnn, images, "first")
    head = keras.ops.convert_to_numpy(cnn.get_layer("predictions").kernel)[:, 1]
    branch = keras.ops.convert_to_numpy(cnn.get_layer("branch").kernel)[0, 0]
    weights = (np.eye(6) + branch) @ head / np.prod(maps.shape[1:3])
    found = inspect.grad_cam(Score(cnn, images, 1), "first")
    np.testing.assert_allclose(found, np.maximum(maps @ weights, 0), atol=1e-6)
    # Equation 19 of Grad-CAM++ with the same gradients everywhere in a map.
    alpha = weights**2 / (2 * weights**2 + maps.sum(axis=(1, 2)) * weights**3)
    weights = alpha * np.maximum(weights, 0) * np.prod(maps.shape[1:3])
    expected = np.maximum(np.einsum("bhwk,bk->bhw", maps, weights), 0)
    found = inspect.grad_cam_plus_plus(Score(cnn, images, 1), "first")
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_integrated_gradients_are_complete(cnn, images):
    """Proposition 1: they add up to f(x) - f(baseline)."""
    found = inspect.integrated_gradients(Score(cnn, images, 0), baseline=0.25, steps=100)
    score = answers(cnn, images)[:, 0] - answers(cnn, np.full_like(images, 0.25))[:, 0]
    np.testing.assert_allclose(found.sum(axis=(1, 2, 3)), score, atol=2e-3)


def test_smooth_grad_is_the_mean_over_noise(cnn, images):
    image = images[:1]
    draws = np.random.default_rng(7).standard_normal((5, *image.shape[1:]), dtype="float32")
    noisy = image + 0.2 * (image.max() - image.min()) * draws
    expected = np.mean([inspect.gradient(Score(cnn, one[None], 1))[0] for one in noisy], axis=0)
    found = inspect.smooth_grad(Score(cnn, image, 1), samples=5, noise=0.2, seed=7, batch_size=2)
    np.testing.assert_allclose(found[0], expected, atol=1e-6)


def test_score_cam_asks_for_each_map(cnn, images):
    """Definitions 3 and 4, one map after the other."""
    image = images[:1]
    maps = answers(cnn, image, "sum")
    base = cnn.predict(np.zeros_like(image), verbose=0)[0, 2]
    expected = 0
    for k in range(6):
        mask = inspect.resized(maps[..., k], (20, 16))[0]
        mask = (mask - mask.min()) / (mask.max() - mask.min())
        weight = cnn.predict(image * mask[None, ..., None], verbose=0)[0, 2] - base
        expected = expected + weight * maps[0, ..., k]
    found = inspect.score_cam(Score(cnn, image, 2), "sum", batch_size=4)
    np.testing.assert_allclose(found[0], np.maximum(expected, 0), atol=1e-5)


@pytest.mark.parametrize("method", inspect.METHODS)
def test_a_planted_signal_is_located(finder, planted, method):
    """Also in a model inside another one, with the softmax in a layer of its own."""
    heat = inspect.explain(finder, planted, method=method).heat
    assert heat.shape == (1, 24, 24)
    left, top, right, bottom = inspect.box_around(heat[0], 0.5)
    (rows, columns), reach = SPOT, 3  # a filter's and half a hidden square's
    assert rows.start - reach <= top < bottom <= rows.stop + reach
    assert columns.start - reach <= left < right <= columns.stop + reach


def test_a_class_of_a_segmenter_is_summed_over_the_map(images):
    """By hand: each position adds the classifier's weight, which is the mean of the gradient."""
    image = keras.Input((20, 16, 3))
    x = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu", name="maps")(image)
    model = keras.Model(image, layers.Conv2D(3, 1, activation="softmax", name="classes")(x))
    maps = keras.Model(image, x).predict(images, verbose=0)
    kernel = keras.ops.convert_to_numpy(model.get_layer("classes").kernel)[0, 0, :, 2]
    score = Score(model, images, 2)
    assert score.default_layer() == "maps"
    found = inspect.grad_cam(score)
    np.testing.assert_allclose(found, np.maximum(maps @ kernel, 0), atol=1e-5)


def test_a_detection_is_explained_by_what_its_anchor_sees(images):
    """5 x 4 anchors that see 4 x 4 pixels each: the surest one's score moves with its own alone."""
    image = keras.Input((20, 16, 3))
    x = layers.Conv2D(6, 4, strides=4, activation="relu", name="body")(image)
    head = layers.Conv2D(
        2, 1, activation="sigmoid", kernel_initializer=keras.initializers.RandomUniform(0, 1),
        name="head_class",
    )(x)  # fmt: skip
    scores = layers.Reshape((20, 2), name="scores")(head)
    boxes = layers.Reshape((20, 4), name="boxes")(layers.Conv2D(4, 1, name="head_box")(x))
    model = keras.Model(image, {"boxes": boxes, "scores": scores})
    answers = model.predict(images[:1], verbose=0)["scores"][0]
    anchor, index = np.unravel_index(answers.argmax(), answers.shape)
    score = Score(model, images[:1])
    assert score.scores[0] == pytest.approx(answers.max(), rel=1e-5)
    assert score.default_layer() == "body"
    seen = inspect.gradient(score)[0].any(axis=-1)
    rows, columns = np.nonzero(seen)
    row, column = divmod(int(anchor), 4)
    assert (rows.min(), rows.max()) == (4 * row, 4 * row + 3)
    assert (columns.min(), columns.max()) == (4 * column, 4 * column + 3)
    # Grad-CAM, too, which without space maps has heat wherever the same channels answer.
    maps = keras.Model(image, x).predict(images[:1], verbose=0)[0, row, column]
    kernel = keras.ops.convert_to_numpy(model.get_layer("head_class").kernel)[0, 0, :, index]
    expected = np.zeros((5, 4))
    expected[row, column] = maps @ kernel * answers.max() * (1 - answers.max()) / 20
    assert expected.max() > 0
    np.testing.assert_allclose(inspect.grad_cam(score)[0], expected, rtol=1e-4, atol=1e-7)
    same = inspect.targets.of_detection(int(anchor), int(index))
    np.testing.assert_allclose(Score(model, images[:1], same).scores, score.scores)
