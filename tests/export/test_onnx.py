"""ONNX where TensorFlow has an operator that ONNX has not."""

import math

import keras
import numpy as np
import pytest

from kapps.export import _onnx


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the child is on TensorFlow")
def test_an_exact_gelu_is_written_in_operators_of_onnx(tmp_path):
    """Gaussian Error Linear Units (Hendrycks and Gimpel, 2016, arXiv:1606.08415), section 2."""
    pytest.importorskip("tf2onnx")
    runtime = pytest.importorskip("onnxruntime")
    image = keras.Input((2, 2, 1), name="image")
    model = keras.Model(image, keras.layers.Activation("gelu")(image))
    _onnx.write(model, (1, 2, 2, 1), str(tmp_path / "gelu.onnx"))
    x = np.float32([-3, -0.5, 0.1, 2]).reshape(1, 2, 2, 1)
    (found,) = runtime.InferenceSession(tmp_path / "gelu.onnx").run(None, {"image": x})
    expected = [v * (1 + math.erf(v / math.sqrt(2))) / 2 for v in x.ravel()]
    np.testing.assert_allclose(found.ravel(), expected, rtol=1e-6, atol=1e-7)
