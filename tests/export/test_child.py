"""Each way in which the conversion can end is one sentence."""

import keras
import numpy as np
import pytest
from keras.initializers import Constant

from kapps.errors import ExportError
from kapps.export import Runner, child


def job(model, tmp_path):
    return {
        "model": str(model),
        "out": str(tmp_path / "out.tflite"),
        "format": "litert",
        "quantize": "float32",
        "batch_size": 1,
        "size": [8, 8],
        "calibration": None,
    }


def test_operators_outside_litert_are_named(tmp_path):
    image = keras.Input((8, 8, 3))
    x = keras.ops.erfinv(keras.layers.Conv2D(2, 3, activation="tanh")(image))
    keras.Model(image, keras.layers.GlobalAveragePooling2D()(x)).save(tmp_path / "model.keras")
    with pytest.raises(ExportError, match=r"does not have as builtins \(tf.Erfinv\)"):
        child.run(job(tmp_path / "model.keras", tmp_path))
    assert not (tmp_path / "out.tflite").exists()


def test_a_layer_that_the_child_cannot_import(tmp_path):
    @keras.saving.register_keras_serializable(package="only_here")
    class Strange(keras.layers.Layer):
        def call(self, x):
            return x

    keras.Sequential([keras.Input((8, 8, 3)), Strange()]).save(tmp_path / "model.keras")
    with pytest.raises(ExportError, match="could not be loaded on TensorFlow.*Strange"):
        child.run(job(tmp_path / "model.keras", tmp_path))


@pytest.fixture
def none_kept(monkeypatch):
    """As outside the tests, which share a process."""
    monkeypatch.setattr(child, "_open", None)


def test_a_conversion_that_takes_too_long(tmp_path, none_kept):
    with pytest.raises(ExportError, match="took longer than 0 s"):
        child.run(job("model.keras", tmp_path), timeout=0.01)


def test_a_kept_process_does_all_jobs_and_survives_a_refusal(tmp_path, none_kept):
    image = keras.Input((8, 8, 3))
    keras.Model(image, keras.layers.Conv2D(2, 3)(image)).save(tmp_path / "good.keras")
    good = job(tmp_path / "good.keras", tmp_path)
    with child.kept():
        child.run(good)
        first = child._open._process.pid
        (tmp_path / "bad.keras").write_bytes(b"no model")
        with pytest.raises(ExportError, match="could not be loaded on TensorFlow"):
            child.run({**good, "model": str(tmp_path / "bad.keras")})
        with child.kept():  # inside another one it is the same
            child.run({**good, "quantize": "float16"})
        assert child._open._process.pid == first
        child._open._process.kill()
        with pytest.raises(ExportError, match="stopped by SIGKILL"):
            child.run(good)
        child.run(good)  # a new process
    assert child._open is None


def test_files_of_one_model_and_then_of_another_in_its_place(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)).astype("float32")
    for bias in (0.0, 5.0):
        image = keras.Input((8, 8, 3))
        x = keras.layers.Rescaling(1 / 127.5, -1)(image)
        x = keras.layers.Conv2D(2, 3, padding="same", bias_initializer=Constant(bias))(x)
        model = keras.Model(image, x)
        model.save(tmp_path / "model.keras")
        expected = keras.ops.convert_to_numpy(model(images))
        # Both fold the normalisation alike, into a kernel that both begin with.
        for mode in ("float32", "float16"):
            child.run({**job(tmp_path / "model.keras", tmp_path), "quantize": mode})
            found = Runner(tmp_path / "out.tflite").predict(images)
            np.testing.assert_allclose(found, expected, atol=5e-3)


@pytest.mark.parametrize(
    ("status", "stderr", "sentence"),
    [
        (-9, "", "stopped by SIGKILL; there may not be enough memory"),
        (-11, "", "stopped by SIGSEGV"),
        (1, "ModuleNotFoundError: No module named 'tensorflow'", r"pip install 'kapps\[tens"),
        (1, "Traceback\n  File\nValueError: bad shape\n", "failed: ValueError: bad shape"),
        (7, "", "failed: exit status 7"),
    ],
)
def test_crashes_in_one_sentence(status, stderr, sentence):
    import re

    text = child._crash(status, stderr)
    assert re.search(sentence, text) and "\n" not in text


def test_the_child_runs_on_tensorflow_without_a_gpu(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    values = child.environment()
    assert values["KERAS_BACKEND"] == "tensorflow" and values["CUDA_VISIBLE_DEVICES"] == "-1"
