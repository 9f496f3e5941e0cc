"""Files of Darknet: what networks say with their numbers, and how many there must be."""

import numpy as np
import pytest

import kapps
from kapps.applications import facts
from kapps.errors import WeightsError
from kapps.layers import Network
from kapps.weights import readers
from kapps.weights.dialects import Target, find
from tests.parity.fill import golden_input
from tests.weights import darknet

SIZE, CLASSES = 64, 3


def cells(name: str, path) -> np.ndarray:
    model = kapps.applications.get(name)(weights=path, input_shape=(SIZE, SIZE, 3), classes=CLASSES)
    whole = Network(model.inputs, {"cells": model.get_layer("cells").output, **model.output})
    return whole.predict(golden_input(SIZE), verbose=0)


def check(name: str, sections: list[tuple], forms: int, tmp_path, version=(0, 2, 0)) -> dict:
    values, answers = darknet.run(sections, golden_input(SIZE)[0] / 255, seed=3)
    darknet.write(tmp_path / "own.weights", values, version)
    said = cells(name, tmp_path / "own.weights")
    rows = [one.reshape(-1, 5 + CLASSES) for one in sorted(answers, key=lambda x: -x.shape[0])]
    expected = np.concatenate(rows)
    assert len(expected) == forms * sum(one.shape[0] ** 2 for one in answers)
    assert np.abs(said["cells"][0] - expected).max() <= 1e-4 * np.abs(expected).max()
    return said


def test_yolov3_tiny_says_what_darknet_says(tmp_path):
    said = check("YOLOv3Tiny", darknet.yolov3_tiny(3 * (5 + CLASSES)), 3, tmp_path)
    # The last cell of the coarse map, with the last anchor of yolov3-tiny.cfg, by the paper's
    # section 2.1: a place in the cell, the exponential of a size, a product of probabilities.
    x, y, width, height, thing, *classes = said["cells"][0, -1].astype("float64")
    middle = (SIZE // 32 - 1 + 1 / (1 + np.exp([-x, -y]))) * 32
    half = np.exp([width, height]) * (344, 319) / 2
    box = np.concatenate([middle - half, middle + half])
    np.testing.assert_allclose(said["boxes"][0, -1], box, rtol=1e-4)
    share = 1 / (1 + np.exp(-np.array([thing, *classes])))
    np.testing.assert_allclose(said["scores"][0, -1], share[0] * share[1:], rtol=1e-4)
    # For other classes only the layers that answer are new.
    other = kapps.applications.get("YOLOv3Tiny")(
        weights=tmp_path / "own.weights", input_shape=(SIZE, SIZE, 3), classes=5
    )
    layers = {name.rpartition("/")[0] for name in other.load_report.new}
    assert layers == {"head_level4_predictions", "head_level5_predictions"}


@pytest.mark.sweep
def test_yolov3_says_what_darknet_says(tmp_path):
    check("YOLOv3", darknet.yolov3(3 * (5 + CLASSES)), 3, tmp_path)


@pytest.mark.sweep
def test_yolov2_says_what_darknet_says(tmp_path):
    check("YOLOv2", darknet.yolov2(5 * (5 + CLASSES)), 5, tmp_path, version=(0, 1, 0))


@pytest.mark.sweep
def test_yolov4_says_what_darknet_says(tmp_path):
    check("YOLOv4", darknet.yolov4(3 * (5 + CLASSES)), 3, tmp_path)


def test_published_files_have_the_numbers_of_these_networks():
    """Bytes of the files at pjreddie.com and of AlexeyAB's, less the header of their version."""
    for name, size, header in (
        ("YOLOv2", 203934260, 16),
        ("YOLOv2Tiny", 44948600, 20),
        ("YOLOv3", 248007048, 20),
        ("YOLOv3Tiny", 35434956, 20),
        ("YOLOv4", 257717640, 20),
    ):
        sections = {
            "YOLOv2": darknet.yolov2(425),
            "YOLOv3": darknet.yolov3(255),
            "YOLOv3Tiny": darknet.yolov3_tiny(255),
            "YOLOv4": darknet.yolov4(255),
        }.get(name, [*darknet.chain(16, 32, 64, 128, 256, 512, 1024), ("conv", 512, 3, 1)])
        # Means and variances are in the file, and nothing trains them.
        norms = sum(2 * section[1] for section in sections if section[0] in ("conv", "mish"))
        assert facts(name)["params"] + norms == (size - header) / 4, name


def test_the_first_of_all_has_the_parameters_of_its_figure():
    """24 convolutions and two connected layers with biases: figure 3 of the paper, by hand."""
    rows = [(7, 3, 64), (3, 64, 192), (1, 192, 128), (3, 128, 256), (1, 256, 256), (3, 256, 512)]
    rows += [(1, 512, 256), (3, 256, 512)] * 4 + [(1, 512, 512), (3, 512, 1024)]
    rows += [(1, 1024, 512), (3, 512, 1024)] * 2 + [(3, 1024, 1024)] * 4
    assert len(rows) == 24
    count = sum(k * k * i * o + o for k, i, o in rows)
    count += (7 * 7 * 1024 + 1) * 4096 + (4096 + 1) * 7 * 7 * 30
    assert facts("YOLOv1")["params"] == count == 271703550


def test_a_connected_layer_sees_channels_one_by_one():
    dialect = find("yolov1", "darknet")
    shapes = {"kernel": (7 * 7 * 1024, 2), "bias": (2,)}
    values = np.arange(2 + 2 * 7 * 7 * 1024, dtype="float32")
    found = dialect.translate({"darknet": values}, {"head_hidden": Target("dense", shapes)})
    kernel = found["head_hidden/kernel"]
    # Row 0, column 1, channel 2 here is the number 2 * 49 + 1 of the first unit there.
    assert kernel[1 * 1024 + 2, 0] == 2 + 2 * 49 + 1
    assert kernel[0, 1] == 2 + 7 * 7 * 1024


def test_what_does_not_fit_is_said(tmp_path):
    values = np.zeros(1000, "float32")
    darknet.write(tmp_path / "short.weights", values)
    assert len(readers.read(tmp_path / "short.weights")["darknet"]) == 1000
    with pytest.raises(WeightsError, match=r"has 1,000 numbers, and the network 8,\d+,\d+, which"):
        cells("YOLOv3Tiny", tmp_path / "short.weights")
    content = (tmp_path / "short.weights").read_bytes()
    (tmp_path / "cut.weights").write_bytes(content[:-2])
    with pytest.raises(WeightsError, match="damaged or truncated .*in the middle of a number"):
        readers.read(tmp_path / "cut.weights")
    with pytest.raises(WeightsError, match="the tensor 'darknet' is in none of its dialects"):
        kapps.applications.get("SSDLite")(weights=tmp_path / "short.weights", size=64)
