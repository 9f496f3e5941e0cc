"""What every application keeps: one small member of each family, on every backend.

In `make test` it is a miniature, with fewer blocks; in `make test-all` the whole network as well.
"""

import gc
import inspect
import pydoc
import subprocess
import sys

import keras
import numpy as np
import pytest

import kapps
from kapps.applications import facts
from kapps.applications._graph import convolutional_classifier
from kapps.errors import WeightsError
from kapps.inspect import count_macs
from tests.miniatures import SMALLER, miniature
from tests.parity.quick import undrawn
from tests.representatives import ALIKE, CLASSIFIERS, ON_JAX, REPRESENTATIVES

# The smaller ones have 120 million weights in two dense layers whatever the size of the image.
INSTEAD = {"vgg": "VGG16"}
BACKEND = keras.backend.backend()


def smallest():
    """The member of each family with the fewest parameters."""
    here = {"tensorflow": set(CLASSIFIERS) - set(ALIKE), "jax": ON_JAX, "torch": REPRESENTATIVES}
    for family, names in CLASSIFIERS.items():
        late = family not in here[BACKEND]
        name = INSTEAD.get(family) or min(names, key=lambda name: facts(name)["params"])
        yield pytest.param((name, False), id=name, marks=[pytest.mark.sweep] if late else [])
        if family in SMALLER:
            yield pytest.param((name, True), id=f"{name}-whole", marks=pytest.mark.sweep)


def answer(model, x):
    """What the model says of `x`; TensorFlow would trace a graph for each `predict`."""
    if BACKEND == "tensorflow":
        return keras.ops.convert_to_numpy(model(x, training=False))
    return model.predict(x, verbose=0)


def app_of(name):
    return getattr(kapps.applications, name)


def side_of(app):
    """A small side that every stage can halve, and that is cut into whole patches."""
    patch = app.tokens.patch if app.tokens else 1
    return max(64, app.min_size) // patch * patch if app.size > 64 else app.size


def shape_of(app, channels=None):
    return (side_of(app), side_of(app), channels or app.channels)


def photo(app, count=2):
    rng = np.random.default_rng(3)
    return rng.integers(0, 256, (count, *shape_of(app)), dtype="uint8")


@pytest.fixture(scope="module", params=smallest())
def app(request):
    name, whole = request.param
    yield app_of(name) if whole else miniature(app_of(name))
    gc.collect()  # its networks hold themselves, and a hundred of them fill the memory


@pytest.fixture(scope="module")
def model(app):
    # The untrained answers of some are 0 and 1: where two classes come close, a rounding decides.
    keras.utils.set_random_seed(0)
    return app(weights=None, input_shape=shape_of(app), classes=7, name="small")


@pytest.fixture(scope="module")
def said(app, model):
    """What it says of `photo(app)`; no test changes its weights."""
    return answer(model, photo(app))


@pytest.fixture(scope="module")
def own_weights(model, tmp_path_factory):
    """Its weights as a file, for as long as it is the turn of this network: all fill a disk."""
    path = tmp_path_factory.mktemp("own") / "own.weights.h5"
    model.save_weights(path)
    yield path
    path.unlink()


def test_it_looks_like_a_function(app):
    parameters = inspect.signature(app).parameters
    assert app.__name__ == app.name
    assert app.__module__ == f"kapps.applications.{app.family}"
    assert list(parameters)[:4] == ["include_top", "weights", "input_tensor", "input_shape"]
    assert "include_preprocessing" in pydoc.render_doc(app)
    assert repr(app) == f"<application {app.__module__}.{app.name}>"


def test_the_head_is_a_dense_layer_called_predictions(app, model):
    head = model.get_layer("predictions")
    if app.classifier is convolutional_classifier:  # the papers that end in one
        assert isinstance(head, keras.layers.Conv2D)
        head = kapps.replace_head(model, 7, "softmax").layers[-1]
        assert head.activation is model.layers[-1].activation
    else:
        assert head is model.layers[-1]
    assert (head.name, type(head)) == ("predictions", keras.layers.Dense)
    assert model.output_shape == (None, 7)
    assert model.name == "small"


def test_scores_of_a_softmax_sum_to_one_for_uint8_and_float_alike(app, model, said):
    np.testing.assert_allclose(said.sum(axis=1), 1.0, rtol=1e-5)
    np.testing.assert_array_equal(said, answer(model, photo(app).astype("float32")))


def test_normalisation_is_inside_and_is_the_one_that_spec_says(app, model, said):
    bare = app(weights=None, input_shape=shape_of(app), classes=7, include_preprocessing=False)
    bare.set_weights(model.get_weights())
    x = photo(app)
    spec = kapps.layers.spec_of(model)
    normalised = (x - np.array(spec["mean"])) / np.array(spec["std"])
    np.testing.assert_allclose(
        answer(bare, normalised.astype("float32")),
        said,
        rtol=1e-4,
        atol=1e-6,
    )


def test_facts_agree_with_the_network(app):
    row = facts(app.name)
    with undrawn():
        full = app_of(app.name)(weights=None, classes=app.classes or 1000)
    assert sum(int(np.prod(v.shape)) for v in full.trainable_variables) == row["params"]
    assert count_macs(full) == row["macs"]
    assert app.levels == {int(level): name for level, name in row["levels"].items()}


def test_features_halve_at_each_level(app):
    shape = (128, 128, app.channels) if app.size > 64 else shape_of(app)
    if app.tokens and not app.tokens.pyramid:
        shape = (4 * app.tokens.patch, 4 * app.tokens.patch, app.channels)
    levels = tuple(app.stages)
    if not levels:
        with pytest.raises(ValueError, match=f"{app.name} has no feature maps"):
            app.features(weights=None)
        return
    pyramid = app.features(weights=None, input_shape=shape, levels=levels)
    assert [layer.name for layer in pyramid.layers if layer.name == "predictions"] == []
    for level, output in zip(levels, pyramid.outputs, strict=True):
        stride = app.tokens.patch if app.tokens and not app.tokens.pyramid else 2**level
        assert abs(output.shape[1] - shape[0] / stride) <= 4, (level, output.shape)


FRESH = """
import sys, kapps, keras, numpy as np
for folder in map(str.rstrip, sys.stdin):
    model = keras.models.load_model(folder + "/model.keras")
    data = np.load(folder + "/x.npz")
    got = model(data["x"]) if sys.argv[1] == "tensorflow" else model.predict(data["x"], verbose=0)
    same = bool((keras.ops.convert_to_numpy(got) == data["y"]).all())
    print("ANSWER", same, kapps.layers.spec_of(model)["application"], flush=True)
"""


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """A process that has seen nothing but `import kapps`, and says whether a model's file agrees.

    One for all applications: importing a backend takes longer than what is tested.
    """
    said = tmp_path_factory.mktemp("fresh") / "stderr.txt"
    with said.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-c", FRESH, BACKEND],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True,
        )  # fmt: skip

        def ask(folder):
            process.stdin.write(f"{folder}\n")
            process.stdin.flush()
            for line in process.stdout:
                if line.startswith("ANSWER"):
                    return line.split()[1:]
            raise AssertionError(said.read_text()[-2000:])

        yield ask
        process.stdin.close()
        process.wait()


def test_saved_models_load_bit_for_bit_in_a_fresh_process(app, model, said, tmp_path, fresh):
    model.save(tmp_path / "model.keras")
    np.savez(tmp_path / "x.npz", x=photo(app), y=said)
    assert fresh(tmp_path) == ["True", app.name]


def test_replace_head_is_flat_and_keeps_the_backbone(app, model):
    other = kapps.replace_head(model, 3, dropout=0.1)
    assert other.output_shape == (None, 3)
    assert not any(isinstance(layer, keras.Model) for layer in other.layers)
    assert other.layers[1] is model.layers[1]
    assert kapps.layers.spec_of(other) == kapps.layers.spec_of(model)


def test_weights_go_round_through_a_file_strictly(app, model, said, own_weights):
    again = app(weights=own_weights, input_shape=shape_of(app), classes=7)
    np.testing.assert_array_equal(answer(again, photo(app)), said)
    assert again.load_report.new == ()
    assert len(again.load_report.loaded) == len(model.get_weights())


def test_other_classes_and_channels_fit_the_ends_and_the_report_says_so(app, model, own_weights):
    channels = 1 if app.channels == 3 else 3
    if not app.stages:  # no stem sees the channels of each pixel alike
        with pytest.raises(WeightsError, match="predictions/kernel has shape"):
            app(weights=own_weights, input_shape=shape_of(app, channels), classes=7)
        return
    other = app(weights=own_weights, input_shape=shape_of(app, channels), classes=5)
    assert set(other.load_report.new) == {"predictions/kernel", "predictions/bias"}
    assert "new: predictions/kernel" in str(other.load_report)
    assert other.load_report.adapted  # one, or the branches of one
    for name, how in other.load_report.adapted:
        assert how == f"from {app.channels} to {channels} input channels"
        layer = name.rpartition("/")[0]
        kernels = [
            keras.ops.convert_to_numpy(m.get_layer(layer).kernel).sum(axis=2)
            for m in (other, model)
        ]
        np.testing.assert_allclose(*kernels, atol=1e-6)
    if app.family in REPRESENTATIVES:  # how a kernel grows is one function for all
        five = app(weights=own_weights, input_shape=shape_of(app, 5), classes=7)
        assert five.get_layer(layer).kernel.shape[2] == 5


def test_channels_first_gives_the_same_output(app, model, said):
    keras.config.set_image_data_format("channels_first")
    try:
        side, _, channels = shape_of(app)
        first = app(weights=None, input_shape=(channels, side, side), classes=7)
        first.set_weights(model.get_weights())
        if BACKEND == "tensorflow":
            return  # TensorFlow builds it, but has no such convolutions on a CPU
        got = answer(first, photo(app).transpose(0, 3, 1, 2))
    finally:
        keras.config.set_image_data_format("channels_last")
    np.testing.assert_allclose(got, said, rtol=2e-4, atol=1e-6)


def test_on_a_tensor_of_the_user_it_computes_in_half_and_answers_in_float32(app):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        image = keras.Input(shape_of(app))
        x = keras.layers.RandomFlip("horizontal")(image)
        half = app(weights=None, input_tensor=x, classes=7)
    finally:
        keras.config.set_dtype_policy("float32")
    assert half.inputs[0] is image
    assert half.output_shape == (None, 7)
    assert half.layers[2].compute_dtype == "bfloat16"
    assert half.output.dtype == "float32"


def test_without_top_the_size_is_free(app):
    bare = app(weights=None, include_top=False, pooling="avg")
    # Tables of places belong to a grid of patches.
    side = app.size if app.tokens else None
    assert bare.input_shape == (None, side, side, app.channels)
    assert len(bare.output_shape) == 2
