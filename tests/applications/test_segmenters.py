"""Segmenters against torchvision's and segmentation-models-pytorch's goldens, and their manners."""

import keras
import numpy as np
import pytest

import kapps
from kapps.applications import (
    DeepLabV3Plus,
    FCNResNet50,
    LRASPPEfficientNetLite0,
    SegNet,
    UNet,
    facts,
)
from tests.parity import segmenters


@pytest.mark.contract
@pytest.mark.parametrize(
    "name", ["torchvision/lraspp_mobilenet_v3_large@128", "smp/unet_resnet18@64"]
)
def test_equals_its_reference_on_every_backend(name, tmp_path):
    assert max(segmenters.segmenter_errors(name, tmp_path).values()) <= 1e-4


@pytest.mark.parametrize(
    ("name", "aux"),
    [
        ("torchvision/deeplabv3_mobilenet_v3_large@128", True),
        ("torchvision/deeplabv3_resnet50@128", False),
        ("torchvision/fcn_resnet50@96", True),
        pytest.param("torchvision/deeplabv3_resnet101@96", False, marks=pytest.mark.sweep),
        pytest.param("torchvision/fcn_resnet101@96", True, marks=pytest.mark.sweep),
    ],
)
def test_equals_its_reference(name, aux, tmp_path):
    errors = segmenters.segmenter_errors(name, tmp_path, aux)
    assert len(errors) == 1 + aux
    assert max(errors.values()) <= 1e-4


@pytest.mark.parametrize("output_stride", [8, 16])
@pytest.mark.parametrize("name", ["mobilenetv2_100", "tf_efficientnet_lite0", "resnet18"])
def test_dilated_as_timm(name, output_stride):
    assert segmenters.dilation_error(f"timm/{name}@64@{output_stride}") <= 1e-4


def test_a_map_of_shares_as_large_as_the_image():
    model = LRASPPEfficientNetLite0(classes=3, input_shape=(64, 96, 3))
    shares = model.predict(np.zeros((1, 64, 96, 3)), verbose=0)
    assert shares.shape == (1, 64, 96, 3)
    np.testing.assert_allclose(shares.sum(-1), 1, atol=1e-5)
    assert model.get_layer("logits").output.dtype == "float32"


def test_any_backbone():
    for app, backbone in ((DeepLabV3Plus, "MobileNetV4ConvSmall"), (UNet, "MobileNetV3Small")):
        model = app(classes=4, backbone=backbone, input_shape=(64, 64, 3))
        assert model.output_shape == (None, 64, 64, 4)


def test_the_papers_u_net():
    model = UNet(classes=2, norm=False, input_shape=(32, 32, 1))
    # Figure 1: 3x3 convolutions, 2x2 up-convolutions and the last one, with biases.
    widths = [64, 128, 256, 512, 1024]
    down = sum(
        (9 * i + 1) * o + (9 * o + 1) * o for i, o in zip([1, *widths], widths, strict=False)
    )
    up = sum((4 * 2 * w + 1) * w + (9 * 2 * w + 1) * w + (9 * w + 1) * w for w in widths[:-1])
    assert model.count_params() == down + up + 64 * 2 + 2


def test_segnet_puts_values_back_where_the_maxima_were():
    model = SegNet(classes=2, input_shape=(32, 32, 3), classifier_activation=None)
    inner = keras.Model(model.inputs, [model.get_layer(n).output for n in (
        "stage1_block2_act", "head_unpool1")])  # fmt: skip
    image = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3))
    before, after = (keras.ops.convert_to_numpy(x) for x in inner(image))
    blocks = before.reshape(1, 16, 2, 16, 2, 64)
    highest = blocks == blocks.max(axis=(2, 4), keepdims=True)
    assert not after.reshape(blocks.shape)[~highest].any()


def test_a_new_head_on_a_checkpoint(tmp_path):
    model = LRASPPEfficientNetLite0(classes=3, input_shape=(32, 32, 3))
    model.save_weights(tmp_path / "a.weights.h5")
    other = LRASPPEfficientNetLite0(
        classes=5, input_shape=(32, 32, 3), weights=tmp_path / "a.weights.h5"
    )
    assert set(other.load_report.new) == {
        f"{vote}_predictions/{part}" for vote in ("low", "high") for part in ("kernel", "bias")
    }


def test_an_output_stride_that_means_nothing():
    with pytest.raises(ValueError, match=r"output_stride=12.*8, 16, 32"):
        FCNResNet50(output_stride=12)
    with pytest.raises(ValueError, match="cannot do without"):
        kapps.applications.VGG16.features(weights=None, output_stride=8)


def test_saves_and_loads(tmp_path):
    model = UNet(classes=3, filters=4, input_shape=(32, 32, 3))
    model.save(tmp_path / "model.keras")
    image = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3))
    again = keras.models.load_model(tmp_path / "model.keras")
    assert np.array_equal(model.predict(image, verbose=0), again.predict(image, verbose=0))
    assert kapps.layers.spec_of(again)["task"] == "segmentation"


@pytest.mark.parametrize(
    ("name", "parameters", "side"),
    [  # torchvision's own counts, and the filters that its classifier on the side sees
        ("FCNResNet50", 35_322_218, 1024),
        ("FCNResNet101", 54_314_346, 1024),
        ("DeepLabV3ResNet50", 42_004_074, 1024),
        ("DeepLabV3ResNet101", 60_996_202, 1024),
        ("DeepLabV3MobileNetV3Large", 11_029_328, 40),
        ("LRASPPMobileNetV3Large", 3_221_538, 0),
    ],
)
def test_published_counts(name, parameters, side):
    inner = side // 4
    of_side = 9 * side * inner + 2 * inner + (inner + 1) * 21 if side else 0
    assert facts(name)["params"] + of_side == parameters
