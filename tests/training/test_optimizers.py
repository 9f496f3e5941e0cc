"""Each rule against its paper, in numpy."""

import keras
import numpy as np
import pytest

from kapps.training import groups, optimization, optimizers

RATE = 0.01


def updates(**how):
    return optimization.Updates(**how)


def start(model) -> list[np.ndarray]:
    """Weights of no special structure, biases too."""
    random = np.random.default_rng(1)
    for variable in model.trainable_variables:
        variable.assign(random.normal(0, 0.1, variable.shape))
    return [np.array(v, "float64") for v in model.trainable_variables]


def gradients(model, steps: int) -> list[list[np.ndarray]]:
    random = np.random.default_rng(2)
    return [
        [random.normal(0, 1, v.shape).astype("float32") for v in model.trainable_variables]
        for _ in range(steps)
    ]


def apply(model, optimizer, steps: list) -> list[np.ndarray]:
    """The weights after these gradients."""
    optimizer.build(model.trainable_variables)
    for step in steps:
        tensors = [keras.ops.convert_to_tensor(g) for g in step]
        optimizer.apply(tensors, model.trainable_variables)
    return [np.array(v, "float64") for v in model.trainable_variables]


def ran(make_model, steps: int = 3, rate=RATE, **how):
    """(weights before, gradients, weights after, paths) of a run of updates."""
    model = make_model()
    before, given = start(model), gradients(model, steps)
    optimizer = optimization.make_optimizer(model, rate, updates(**how))
    return (
        before,
        given,
        apply(model, optimizer, given),
        [v.path for v in model.trainable_variables],
    )


def is_kernel(path: str) -> bool:
    return path.endswith("kernel")


@pytest.mark.parametrize("name", ["adam", "adagrad", "sgd"])
def test_coupled_decay_enters_the_gradient(make_model, name):
    """As the weight decay of torch.optim.Adam, Adagrad and SGD does, and Krizhevsky's."""
    how = {"l2": 0.1} if name == "sgd" else {"weight_decay": 0.1}
    before, given, after, paths = ran(make_model, optimizer=name, **how)
    for i, weights in enumerate(before):
        m = v = 0.0
        square = 0.1  # Keras's first accumulator of AdaGrad
        for t, step in enumerate(given, 1):
            gradient = step[i] + (0.1 * weights if is_kernel(paths[i]) else 0.0)
            if name == "adam":
                m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
                update = (m / (1 - 0.9**t)) / np.sqrt(v / (1 - 0.999**t))
            elif name == "adagrad":
                square = square + gradient**2
                update = gradient / np.sqrt(square)
            else:  # Nesterov's, as Sutskever et al., 2013, are usually rewritten
                m = 0.9 * m + gradient
                update = gradient + 0.9 * m
            weights = weights - RATE * update
        np.testing.assert_allclose(after[i], weights, atol=2e-5)


def test_without_nesterov_a_ball_rolls(make_model):
    """Polyak's heavy ball."""
    before, given, after, _ = ran(make_model, optimizer="sgd", nesterov=False)
    for i, weights in enumerate(before):
        speed = 0.0
        for step in given:
            speed = 0.9 * speed + step[i]
            weights = weights - RATE * speed
        np.testing.assert_allclose(after[i], weights, atol=2e-6)


def test_rmsprop_has_momentum_and_memory(make_model):
    """Hinton's rule with momentum, as MobileNet and EfficientNet used it (epsilon in the root)."""
    how = {"momentum": 0.8, "beta_2": 0.7, "epsilon": 1e-3}
    before, given, after, _ = ran(make_model, optimizer="rmsprop", **how)
    for i, weights in enumerate(before):
        square, speed = 0.0, 0.0
        for step in given:
            square = 0.7 * square + 0.3 * step[i].astype("float64") ** 2
            speed = 0.8 * speed + RATE * step[i] / np.sqrt(square + 1e-3)
            weights = weights - speed
        np.testing.assert_allclose(after[i], weights, atol=1e-5)


def test_elastic_net_is_the_gradient_of_the_penalty(make_model):
    how = {"optimizer": "sgd", "momentum": 0.0, "nesterov": False, "l1": 0.3, "l2": 0.2}
    before, given, after, paths = ran(make_model, steps=1, **how)
    for path, old, gradient, new in zip(paths, before, given[0], after, strict=True):
        penalty = 0.3 * np.sign(old) + 0.2 * old if is_kernel(path) else 0.0
        np.testing.assert_allclose(new, old - RATE * (gradient + penalty), atol=1e-6)


def test_lamb_is_algorithm_2_of_its_paper(make_model):
    """With the decay inside the ratio, and without a ratio for norms and biases (timm, apex)."""
    before, given, after, paths = ran(make_model, optimizer="lamb", weight_decay=0.02)
    for i, weights in enumerate(before):
        m = v = 0.0
        for t, step in enumerate(given, 1):
            gradient = step[i].astype("float64")
            m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
            update = (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-6)
            if is_kernel(paths[i]):
                update = update + 0.02 * weights
                update *= np.linalg.norm(weights) / np.linalg.norm(update)
            weights = weights - RATE * update
        np.testing.assert_allclose(after[i], weights, atol=2e-5)


def test_lion_is_algorithm_2_of_its_paper(make_model):
    before, given, after, paths = ran(make_model, optimizer="lion", weight_decay=0.1)
    for i, weights in enumerate(before):
        m = 0.0
        for step in given:
            sign = np.sign(0.9 * m + 0.1 * step[i])
            decay = 0.1 * weights if is_kernel(paths[i]) else 0.0
            weights = weights - RATE * (sign + decay)
            m = 0.99 * m + 0.01 * step[i]
        np.testing.assert_allclose(after[i], weights, atol=1e-5)


def test_muon_orthogonalises_kernels_of_convolutions_too(make_model):
    """Every singular value of the step of Muon is near 0.2 sqrt(longer side) of the matrix.

    The five quintic steps bring singular values into about 0.7 to 1.2 (Jordan, 2024).
    """
    before, _, after, paths = ran(make_model, steps=1, optimizer="muon")
    for path, old, new in zip(paths, before, after, strict=True):
        step = (old - new) / RATE
        if is_kernel(path) and "predictions" not in path:
            matrix = step.reshape(-1, step.shape[-1])
            values = np.linalg.svd(matrix, compute_uv=False) / (0.2 * np.sqrt(max(matrix.shape)))
            assert values.min() > 0.5
            assert values.max() < 1.3
        else:  # Adam's first step is the sign of the gradient
            np.testing.assert_allclose(np.abs(step), 1, atol=1e-3)
    assert sum(is_kernel(path) for path in paths) == 3


def test_lookahead_steps_back_half_way_every_second_update(make_model):
    how = {"optimizer": "sgd", "momentum": 0.0, "nesterov": False}
    before, given, after, _ = ran(make_model, steps=5, lookahead=2, **how)
    for i, slow in enumerate(before):
        fast = slow
        for t, step in enumerate(given, 1):
            fast = fast - RATE * step[i]
            if t % 2 == 0:
                slow = fast = slow + 0.5 * (fast - slow)
        np.testing.assert_allclose(after[i], fast, atol=1e-6)


def test_lookahead_counts_updates_not_batches(make_model):
    """And begins at the weights that are there at the first update, not at those of `build`."""
    model = make_model()
    how = updates(optimizer="sgd", momentum=0.0, nesterov=False, lookahead=2, accumulate=3)
    optimizer = optimization.make_optimizer(model, RATE, how)
    optimizer.build(model.trainable_variables)
    before, given = start(model), gradients(model, 6)
    after = apply(model, optimizer, given)
    for i, slow in enumerate(before):
        fast = slow - RATE * np.mean([step[i] for step in given], axis=0) * 2
        np.testing.assert_allclose(after[i], slow + 0.5 * (fast - slow), atol=1e-6)


def test_adaptive_clipping_bounds_the_gradient_of_each_unit(make_model):
    """Equation 3 of Brock et al., 2021, with its epsilon of 0.001; not of the classifier."""
    how = {"optimizer": "sgd", "momentum": 0.0, "nesterov": False, "clip_adaptive": 0.1}
    before, given, after, paths = ran(make_model, steps=1, **how)
    for path, old, gradient, new in zip(paths, before, given[0], after, strict=True):
        step = (old - new) / RATE
        if "predictions" in path:
            np.testing.assert_allclose(step, gradient, atol=1e-4)
            continue
        axes = tuple(range(old.ndim - 1)) or (0,)
        largest = 0.1 * np.maximum(np.sqrt((old**2).sum(axes)), 1e-3)
        norm = np.sqrt((gradient.astype("float64") ** 2).sum(axes))
        np.testing.assert_allclose(step, gradient * np.minimum(1, largest / norm), atol=1e-4)
        assert (norm > largest).all()


def test_units_of_a_depthwise_kernel_are_its_channels():
    image = keras.Input((8, 8, 3))
    x = keras.layers.DepthwiseConv2D(3, name="depthwise")(image)
    x = keras.layers.Conv2D(4, 1, name="conv")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(image, keras.layers.Dense(2, name="top")(x))
    assert groups.unit_axes(model) == [(0, 1), (0,), (0, 1, 2), (0,), (), ()]


@pytest.mark.parametrize("name", optimization.OPTIMIZERS)
def test_a_rate_of_its_own_scales_decay_and_update(make_model, name):
    """Half the rate for a stage is what half the rate for all does to it."""
    how = {"optimizer": name, "weight_decay": 0.1}
    _, _, full, paths = ran(make_model, **how)
    _, _, half, _ = ran(make_model, rate=RATE / 2, **how)
    _, _, mixed, _ = ran(make_model, learning_rate_scales=("stage1=0.5",), **how)
    for path, a, b, c in zip(paths, full, half, mixed, strict=True):
        np.testing.assert_allclose(c, b if "stage1" in path else a, atol=2e-6, err_msg=path)


def test_layer_decay_is_that_of_beit():
    """Twelve blocks: the embeddings at decay^13, block i at decay^(12 - i), the head at 1."""
    from kapps import applications

    app = applications.get("ViTTiny16")
    model = app(weights=None, input_shape=(32, 32, 3), classes=3)
    rates = groups.learning_rates(model, 0.75)
    found = {}
    for variable, rate in zip(model.trainable_variables, rates, strict=True):
        layer = variable.path.split("/")[-2] if "/" in variable.path else variable.path
        found.setdefault(layer, set()).add(round(rate, 9))
    blocks = [f"stage{s}_block{b}" for s in range(1, 5) for b in range(1, 4)]
    for i, block in enumerate(blocks):
        own = [rates for layer, rates in found.items() if layer.startswith(f"{block}_")]
        assert own, block
        assert all(rates == {round(0.75 ** (12 - i), 9)} for rates in own), block
    for layer in ("stem_conv", "class_token", "position_embedding"):
        assert found[layer] == {round(0.75**13, 9)}
    for layer in ("head_norm", "predictions"):
        assert found[layer] == {1.0}


def test_scales_multiply_and_the_longest_name_counts(make_model):
    model = make_model()
    scales = ("head=10", "stage1=0.1", "stage1_norm=0.5")
    rates = groups.learning_rates(model, 0.5, scales)
    paths = [variable.path for variable in model.trainable_variables]
    # No layer has "block" in its name: each of the five is one.
    expected = {
        "stage1_conv": 0.1 * 0.5**4, "stage1_norm": 0.5 * 0.5**3,
        "stage2_conv": 0.5**2, "stage2_norm": 0.5, "predictions": 10.0,
    }  # fmt: skip
    for path, rate in zip(paths, rates, strict=True):
        assert rate == pytest.approx(expected[path.split("/")[0]]), path


def test_an_optimiser_is_made_again_from_its_configuration(make_model):
    how = updates(
        optimizer="lamb", weight_decay=0.1, l1=0.1, clip_adaptive=0.1, lookahead=2, layer_decay=0.5
    )
    first = optimization.make_optimizer(make_model(), RATE, how, reducible=True)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(first))
    assert isinstance(again, optimizers.Lamb)
    assert again.get_config() == first.get_config()


def test_what_keras_has_is_keras_own(make_model):
    """So that a run of the previous version finds the variables of its optimiser."""
    for name, cls in (("adamw", keras.optimizers.Adam), ("sgd", keras.optimizers.SGD)):
        optimizer = optimization.make_optimizer(
            make_model(), RATE, updates(optimizer=name, weight_decay=0.1, ema=0.9, clip_norm=1.0)
        )
        assert isinstance(optimizer, cls)
        assert not isinstance(optimizer, optimizers.PerVariable)
