import keras
import numpy as np
import pytest

from kapps.training import engine, lora


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 3))
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    x = keras.layers.Dense(16, "relu", name="block1_dense")(x)
    x = keras.layers.Dense(3, "relu", name="block2_thin")(x)
    return keras.Model(image, keras.layers.Dense(3, "softmax", name="predictions")(x))


@pytest.mark.contract
def test_thin_matrices_learn_and_the_file_holds_plain_kernels(model, make_spots, tmp_path):
    before = {v.path: np.array(v) for v in model.weights}
    inputs = next(iter(make_spots()))[0]
    answers = model.predict_on_batch(inputs)
    frozen = lora.adapt(model, 4)
    np.testing.assert_allclose(model.predict_on_batch(inputs), answers, rtol=1e-6)  # B is zero
    # 192 x 4 and 4 x 16 for the first; the second is not larger than the rank; 3 x 3 + 3.
    assert frozen.trained_parameters == 4 * (192 + 16) + 12
    rows = engine.fit(model, make_spots(), make_spots(), engine.Plan("train", 6, 0.02))
    assert rows[-1]["loss"] < rows[0]["loss"]
    dense = model.get_layer("block1_dense")
    kernel = np.array(dense._kernel)
    np.testing.assert_array_equal(kernel, before[dense._kernel.path])
    a, b = np.array(dense.lora_kernel_a), np.array(dense.lora_kernel_b)
    answers = model.predict_on_batch(inputs)
    twin = keras.Model(model.input, model.output)  # not compiled, as what a run saves
    with lora.merged(twin):
        twin.save(tmp_path / "model.keras")
    np.testing.assert_allclose(model.predict_on_batch(inputs), answers, rtol=1e-6)
    plain = keras.saving.load_model(tmp_path / "model.keras")
    assert plain.count_params() == 192 * 16 + 16 + 16 * 3 + 3 + 3 * 3 + 3
    learnt = np.array(plain.get_layer("block1_dense").kernel)
    np.testing.assert_allclose(learnt, kernel + a @ b, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(plain.predict_on_batch(inputs), answers, rtol=1e-4, atol=1e-6)


def test_a_network_without_such_layers_says_so(make_model):
    with pytest.raises(ValueError, match="lora=4: tiny has no Dense layer below its classifier"):
        lora.adapt(make_model(), 4)
