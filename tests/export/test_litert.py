import numpy as np
import pytest

from kapps.errors import ExportError, MissingFileError, MissingPackageError
from kapps.export import litert
from kapps.export.litert import Runner, Tensor
from tests.export.conftest import SIZE


def test_uint8_pixels_go_in_as_they_are(exported, digits):
    runner = Runner(exported("int8").path)
    pixels = digits[0][:3]
    assert runner.input.dtype == "uint8"
    np.testing.assert_array_equal(runner.stored(pixels), pixels)
    np.testing.assert_array_equal(runner.stored(pixels.astype("float32") + 0.2), pixels)


def test_scores_are_real_numbers(exported, digits):
    runner = Runner(exported("int8").path)
    scores = runner.predict(digits[0][:3])
    assert scores.dtype == np.float32 and scores.shape == (3, 10)
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=0.05)
    stored = runner.predict_stored(digits[0][:3])
    assert stored.dtype == np.uint8
    np.testing.assert_allclose(stored / 256, scores, atol=1e-6)


def test_threads_do_not_change_the_answer(exported, digits):
    path = exported("float32").path
    one, two = (Runner(path, threads=n).predict(digits[0][:4]) for n in (1, 2))
    np.testing.assert_allclose(one, two, atol=1e-6)


def test_an_image_takes_time_of_a_thread(exported, digits):
    runner = Runner(exported("float32").path)
    assert runner.milliseconds is None
    runner.predict(digits[0][:3])
    assert runner.milliseconds > 0


def test_no_images_no_rows(exported):
    empty = np.zeros((0, SIZE, SIZE, 3), "uint8")
    assert Runner(exported("int8").path).predict(empty).shape == (0, 10)


@pytest.mark.parametrize("shape", [(SIZE, SIZE, 3), (1, 8, 8, 3), (1, SIZE, SIZE, 1)])
def test_images_of_another_size(exported, shape):
    with pytest.raises(ValueError, match=f"expected \\(count, {SIZE}, {SIZE}, 3\\)"):
        Runner(exported("int8").path).predict(np.zeros(shape, "uint8"))


def test_dequantisation_by_hand():
    tensor = Tensor("x", (1,), "uint8", 0.5, 10)
    np.testing.assert_allclose(litert.real(np.array([8, 10, 13], "uint8"), tensor), [-1, 0, 1.5])


def test_what_is_not_a_model(exported, tmp_path):
    with pytest.raises(MissingFileError, match="is not there"):
        Runner(tmp_path / "gone.tflite")
    with pytest.raises(MissingFileError, match="has no model.tflite"):
        Runner(tmp_path)
    (tmp_path / "page.tflite").write_bytes(b"<html>not found</html>")
    with pytest.raises(ExportError, match="is not a .tflite file"):
        Runner(tmp_path / "page.tflite")


def test_no_runtime_at_all(exported, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'kapps\[litert\]'"):
        Runner(exported("int8").path)
