"""Adapters: their formulas, how many parameters they have, and that they alone learn."""

import keras
import numpy as np
import pytest
from scipy.special import erf

from kapps.layers import Blocks, Network
from kapps.training import adapters, engine

WIDTH, UNITS = 8, 3


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    nn = Blocks()
    image = keras.Input((8, 8, 3))
    x = nn.patch_embed(keras.layers.Rescaling(1 / 255)(image), WIDTH, 4, name="stem")
    x = nn.encoder(x, 2, 2, 16)
    x = nn.token_pool(x, "avg", 0, name="avg_pool")
    return Network(image, keras.layers.Dense(3, "softmax", name="predictions")(x), name="tokens")


@pytest.mark.parametrize("kind", [pytest.param("serial", marks=pytest.mark.contract), "parallel"])
def test_they_learn_and_nothing_below_does(model, make_spots, tmp_path, kind):
    inputs = next(iter(make_spots()))[0]
    answers = model.predict_on_batch(inputs)
    adapted = adapters.insert(model, UNITS, kind)
    np.testing.assert_allclose(adapted.predict_on_batch(inputs), answers, rtol=1e-5)
    frozen = adapters.unfreeze(adapted, kind)
    # Houlsby et al., section 2.1: 2 m d + d + m an adapter; two of them and two norms of 2 d a
    # block, and the classifier. AdaptFormer: one a block, and the classifier.
    each = 2 * UNITS * WIDTH + WIDTH + UNITS
    blocks = 2 * (2 * each + 2 * 2 * WIDTH) if kind == "serial" else 2 * each
    assert frozen.trained_parameters == blocks + 3 * WIDTH + 3
    before = {v.path: np.array(v) for v in adapted.weights}
    rows = engine.fit(adapted, make_spots(), None, engine.Plan("train", 4, 0.02))
    assert rows[-1]["loss"] < rows[0]["loss"]
    for variable in adapted.weights:
        same = np.array_equal(variable, before[variable.path])
        learns = "_adapter_" in variable.path or "predictions" in variable.path
        assert same != (learns or (kind == "serial" and "_norm/" in variable.path)), variable.path
    answers = adapted.predict_on_batch(inputs)
    adapted.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict_on_batch(inputs), answers, rtol=1e-5)


@pytest.mark.parametrize("kind", adapters.KINDS)
def test_the_formula_is_the_papers(model, kind):
    adapted = adapters.insert(model, UNITS, kind)
    random = np.random.default_rng(0)
    name = "stage1_block1_mlp"
    down, up = (adapted.get_layer(f"{name}_adapter_{part}") for part in ("down", "up"))
    for layer in (down, up):
        layer.set_weights([random.normal(size=w.shape) for w in layer.get_weights()])
    parts = (f"{name}_norm", f"{name}_project", f"{name}_adapter_add")
    inside = keras.Model(adapted.input, [adapted.get_layer(part).output for part in parts])
    image = random.integers(0, 255, (2, 8, 8, 3)).astype("uint8")
    x, y, found = inside.predict_on_batch(image)
    (a, b), (c, d) = down.get_weights(), up.get_weights()
    if kind == "serial":
        h = y @ a + b
        expected = y + (h * (1 + erf(h / np.sqrt(2))) / 2) @ c + d
    else:
        expected = y + 0.1 * (np.maximum(x @ a + b, 0) @ c + d)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_network_without_transformer_blocks_says_so(make_model):
    with pytest.raises(ValueError, match="adapter=4: tiny has no transformer blocks"):
        adapters.insert(make_model(), 4)
