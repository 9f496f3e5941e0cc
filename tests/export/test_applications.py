"""Every application reaches the phone: builtin operators, and the answers of Keras.

`export` itself compares the file with Keras on LiteRT and refuses it where they differ, so a bundle
that exists has passed; see `kapps.export.verify`.
"""

import pytest

import kapps
from kapps.applications import APPLICATIONS, FAMILIES, facts
from kapps.export import export

SMALLEST = [min(names, key=lambda name: facts(name)["params"]) for names in FAMILIES.values()]
OTHERS = [name for name in APPLICATIONS if name not in SMALLEST]
MOBILE = (
    "MobileNet",
    "MobileNetV2",
    "MobileNetV3Small",
    "EfficientNetLite0",
    "EfficientNetB0",
    "EfficientNetV2B0",
    "NASNetMobile",
)


def small(name):
    """The network at a size that converts quickly, with fresh weights.

    It answers in logits: the softmax of an untrained network is flat, finer than a step of uint8.
    """
    app = getattr(kapps.applications, name)
    side = min(app.size, max(64, app.min_size))
    shape = (side, side, app.channels)
    return app(weights=None, input_shape=shape, classes=10, classifier_activation=None)


def equals_keras(name, folder):
    bundle = export(small(name), folder / "bundle", labels=[f"class {i}" for i in range(10)])
    verification = bundle.report["verification"]
    assert verification["relative_difference"] <= 1e-3
    assert bundle.spec["format"] == "litert"


@pytest.mark.parametrize("name", SMALLEST)
def test_one_of_each_family(name, tmp_path):
    equals_keras(name, tmp_path)


@pytest.mark.sweep
@pytest.mark.parametrize("name", OTHERS)
def test_all(name, tmp_path):
    equals_keras(name, tmp_path)


@pytest.mark.parametrize("name", MOBILE)
def test_mobile_families_become_integers(name, tmp_path):
    # Fresh weights know no classes, so only the arithmetic is judged: every tensor is an integer.
    bundle = export(
        small(name),
        tmp_path / "bundle",
        quantize="int8",
        calibrate="digits",
        max_drop=100.0,
        labels=[f"class {i}" for i in range(10)],
    )
    assert bundle.spec["input"]["dtype"] == "uint8"
    assert bundle.report["verification"]["agreement"] > 0.2
