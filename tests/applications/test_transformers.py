"""The networks of tokens beside ViT, against timm and torchvision, and what is their own."""

import numpy as np
import pytest
from keras import ops

from kapps.applications import (
    FAMILIES,
    CLIPResNet50,
    DeiTTinyDistilled16,
    DINOv2ViTSmall14,
    SAMViTBase16,
    SigLIPViTBase16,
    SwinTiny,
    facts,
)
from tests.parity import goldens

PARAMETERS = {  # reference_models.tsv; all with 1000 classes
    "swin": {
        "SwinTiny": 28_288_354,
        "SwinSmall": 49_606_258,
        "SwinBase": 87_768_224,
        "SwinLarge": 196_532_476,
        "SwinBase384": 87_903_584,
        "SwinLarge384": 196_735_516,
    },
    "deit": {
        "DeiTTiny16": 5_717_416,
        "DeiTSmall16": 22_050_664,
        "DeiTBase16": 86_567_656,
        "DeiTBase16_384": 86_859_496,
        "DeiTTinyDistilled16": 5_910_800,
        "DeiTSmallDistilled16": 22_436_432,
        "DeiTBaseDistilled16": 87_338_192,
    },
    "deit3": {
        "DeiT3Small16": 22_059_496,
        "DeiT3Medium16": 38_849_512,
        "DeiT3Base16": 86_585_320,
        "DeiT3Large16": 304_374_760,
        "DeiT3Huge14": 632_126_440,
    },
    "dino": {
        "DINOViTSmall16": 22_050_664,
        "DINOViTSmall8": 22_055_272,
        "DINOViTBase16": 86_567_656,
        "DINOViTBase8": 86_576_872,
    },
    "mae": {
        "MAEViTBase16": 86_567_656,
        "MAEViTLarge16": 304_326_632,
    },
    "dinov2": {
        "DINOv2ViTSmall14": 22_441_192,
        "DINOv2ViTBase14": 87_348_712,
        "DINOv2ViTLarge14": 305_392_616,
        "DINOv2ViTGiant14": 1_138_016_232,
        "DINOv2ViTSmall14Reg4": 22_442_344,
        "DINOv2ViTBase14Reg4": 87_351_016,
        "DINOv2ViTLarge14Reg4": 305_395_688,
        "DINOv2ViTGiant14Reg4": 1_138_020_840,
    },
    "dinov3": {
        "DINOv3ViTSmall16": 21_971_944,
        "DINOv3ViTSmallPlus16": 29_068_264,
        "DINOv3ViTBase16": 86_410_216,
        "DINOv3ViTLarge16": 304_104_424,
        "DINOv3ViTHugePlus16": 841_790_440,
        "DINOv3ViT7B16": 6_720_127_976,
    },
    "clip": {
        "CLIPViTBase32": 88_225_000,
        "CLIPViTBase16": 86_568_424,
        "CLIPViTLarge14": 304_204_776,
        "CLIPViTLarge14_336": 304_532_456,
        "CLIPViTHuge14": 632_047_080,
        "CLIPViTGiant14": 1_012_612_840,
    },
    "clip_resnet": {
        "CLIPResNet50": 38_267_720,
        "CLIPResNet101": 57_259_848,
        "CLIPResNet50x4": 88_059_040,
    },
    "siglip": {
        "SigLIPViTBase16": 93_653_224,
    },
    "sam": {
        "SAMViTBase16": 89_927_912,
        "SAMViTLarge16": 308_535_272,
        "SAMViTHuge16": 637_283_048,
    },
    "beit": {
        "BEiTBase16": 86_530_984,
        "BEiTLarge16": 304_430_568,
        "BEiTV2Base16": 86_530_984,
    },
    "eva": {
        "EVA02Tiny14": 5_756_584,
        "EVA02Small14": 22_129_000,
        "EVA02Base14": 87_117_544,
        "EVA02Large14": 305_080_232,
        "EVAGiant14": 1_012_555_112,
    },
    "swin_v2": {
        "SwinV2TinyW8": 28_347_154,
        "SwinV2TinyW16": 28_347_154,
        "SwinV2SmallW8": 49_728_418,
        "SwinV2SmallW16": 49_728_418,
        "SwinV2BaseW8": 87_918_816,
        "SwinV2BaseW16": 87_918_816,
        "SwinV2LargeW12to16": 196_739_932,
    },
}

# The smallest golden of each family that has one below Base, whose networks take longer.
SMALL = (
    "timm/deit_small_distilled_patch16_224",
    "timm/deit3_small_patch16_224",
    "timm/vit_small_patch16_224.dino",
    "timm/vit_small_patch16_dinov3",
    "timm/eva02_tiny_patch14_336",
    "timm/swin_tiny_patch4_window7_224@72",  # odd grids, and windows smaller than 7
    "torchvision/swin_v2_t@96",  # padded before they are shifted
    "timm/samvit_base_patch16",
    "timm/resnet50_clip",
)


@pytest.mark.parametrize("family", PARAMETERS)
def test_parameters(family):
    assert {name: facts(name)["params"] for name in FAMILIES[family]} == PARAMETERS[family]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in SMALL else pytest.mark.sweep)
        for family in PARAMETERS
        for name in goldens.names(family)
    ],
)
def test_equals_its_reference(name):
    assert goldens.relative_error(name) <= 1e-5


def images(height, width):
    return np.random.default_rng(0).integers(0, 256, (2, height, width, 3), dtype="uint8")


def test_distilled_networks_answer_with_the_mean_of_two_classifiers():
    arguments = {"weights": None, "input_shape": (32, 32, 3), "classes": 5}
    model = DeiTTinyDistilled16(classifier_activation=None, **arguments)
    layer = model.get_layer("predictions")
    layer.bias.assign(np.arange(10.0).reshape(2, 5))
    features = type(model)(model.inputs, layer.input).predict(images(32, 32), verbose=0)
    both = ops.convert_to_numpy(layer.separately(features))
    assert both.shape == (2, 2, 5)
    assert np.abs(both[:, 0] - both[:, 1]).max() > 1
    answer = model.predict(images(32, 32), verbose=0)
    np.testing.assert_allclose(answer, both.mean(axis=1), atol=1e-5)


def test_windows_of_swin_attend_to_themselves():
    model = SwinTiny(weights=None, input_shape=(72, 100, 3), classes=5)
    maps = SwinTiny.attention_maps(model, images(72, 100))
    # 18 x 25 patches are 3 x 4 windows of 7 x 7; the last stage has 3 x 4 in one window.
    shapes = [weights.shape for weights in maps.values()]
    assert shapes[0] == (2 * 12, 3, 49, 49)
    assert shapes[-1] == (2, 24, 12, 12)
    for weights in maps.values():
        np.testing.assert_allclose(weights.sum(axis=-1), 1.0, rtol=1e-5)


def test_a_network_without_classifier_gives_features_or_gets_a_new_one(tmp_path):
    bare = DINOv2ViTSmall14(weights=None, input_shape=(28, 28, 3))
    assert bare.output_shape == (None, 384)
    path = tmp_path / "bare.weights.h5"
    bare.save_weights(path)
    model = DINOv2ViTSmall14(weights=path, input_shape=(28, 28, 3), classes=5)
    assert model.output_shape == (None, 5)
    assert model.load_report.new == ("predictions/kernel", "predictions/bias")
    assert model.load_report.classes is None


def test_sam_ends_in_a_map_and_fits_other_sizes(tmp_path):
    small = SAMViTBase16(weights=None, input_shape=(64, 64, 3), include_top=False)
    assert small.output_shape == (None, 4, 4, 256)
    small.save_weights(tmp_path / "sam.weights.h5")
    other = SAMViTBase16(
        weights=tmp_path / "sam.weights.h5", input_shape=(96, 48, 3), include_top=False
    )
    assert other.output_shape == (None, 6, 3, 256)
    # The places, and the tables of the four blocks that attend to everything.
    changed = dict(other.load_report.adapted)
    assert len(changed) == 1 + 2 * 4
    assert changed["stage1_block3_attention/row_table"] == "interpolated from (7, 64) to (11, 64)"


@pytest.mark.parametrize(("app", "channels"), [(SigLIPViTBase16, 768), (CLIPResNet50, 2048)])
def test_attention_pooling_is_a_top(app, channels, tmp_path):
    arguments = {"input_shape": (64, 64, 3)}
    model = app(weights=None, classes=3, **arguments)
    model.save_weights(tmp_path / "top.weights.h5")
    without = app(weights=tmp_path / "top.weights.h5", include_top=False, **arguments)
    assert without.output_shape[-1] == channels
    heads = {name.partition("/")[0] for name in without.load_report.unused}
    assert heads == {*app.top_layers, "predictions"}
