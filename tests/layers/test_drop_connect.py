"""DropConnect: which weights are left out, when, and of which layers of a network."""

import keras
import numpy as np
import pytest
from keras import ops

from kapps.layers import DropConnect, drop_connections


def test_a_step_uses_a_share_of_the_weights():
    """Of the unit vectors a layer shows its kernel."""
    layer = DropConnect(40, rate=0.25, seed=1)
    unit = np.eye(50, dtype="float32")
    plain = ops.convert_to_numpy(layer(unit, training=False))
    kernel = ops.convert_to_numpy(layer.kernel)
    np.testing.assert_allclose(plain, kernel, rtol=1e-6)  # the bias is 0
    draws = [ops.convert_to_numpy(layer(unit, training=True)) for _ in range(2)]
    for draw in draws:
        kept = draw != 0
        np.testing.assert_allclose(draw[kept], plain[kept] / 0.75, rtol=1e-5)
        # Of 2000 weights: a standard deviation of the share is 0.0097.
        assert np.mean(kept) == pytest.approx(0.75, abs=0.04)
    assert np.mean((draws[0] != 0) == (draws[1] != 0)) < 0.8  # 0.625 by chance
    layer.bias.assign(np.ones(40))
    ones = ops.convert_to_numpy(layer(0 * unit, training=True))
    np.testing.assert_allclose(np.unique(ones), [0, 1 / 0.75], rtol=1e-6)
    assert np.all(ones == ones[0])


def network(*units: int) -> keras.Model:
    image = x = keras.Input((4, 4, 3))
    x = keras.layers.Dense(5, name="of_pixels")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    for place, n in enumerate(units):
        x = keras.layers.Dropout(0.1)(keras.layers.Dense(n, "relu", name=f"fc{place}")(x))
    return keras.Model(image, keras.layers.Dense(2, "softmax", name="predictions")(x))


@pytest.mark.parametrize(
    ("units", "names"), [((6, 7), ["fc0", "fc1"]), ((), ["predictions"])], ids=["below", "alone"]
)
def test_of_the_layers_at_the_end(units, names, tmp_path):
    model = network(*units)
    thinned = drop_connections(model, 0.5)
    assert [layer.name for layer in thinned.layers if isinstance(layer, DropConnect)] == names
    images = np.random.default_rng(0).uniform(size=(3, 4, 4, 3)).astype("float32")
    answers = model.predict_on_batch(images)
    np.testing.assert_allclose(thinned.predict_on_batch(images), answers, rtol=1e-6)
    thinned.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.get_layer(names[0]).rate == 0.5
    np.testing.assert_allclose(loaded.predict_on_batch(images), answers, rtol=1e-6)


def test_a_network_without_them():
    image = keras.Input((4, 4, 3))
    with pytest.raises(ValueError, match="drop_connect=0.5: .* does not end in a Dense layer"):
        drop_connections(keras.Model(image, keras.layers.Conv2D(2, 1)(image)), 0.5)
