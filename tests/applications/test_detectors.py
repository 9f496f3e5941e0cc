"""Detectors: equal to those of the references, strict with weights; what all keep."""

import keras
import numpy as np
import pytest

import kapps
from kapps.applications import SSDLite, SSDLite320EfficientNetLite0, get
from kapps.errors import WeightsError
from kapps.weights import catalog, dialects
from tests.parity import dense

SMALL = (64, 64, 3)
BACKEND = keras.backend.backend()
ON_ALL = (
    *("ssdlite320_mobilenet_v3_large", "retinanet_resnet50_fpn_v2", "yolov8n"),
    "grounding-dino-small",
)
# What others are made of: the smallest of the same family, or yolov8n.
LATE = (
    *("yolov5nu", "yolox_nano", "yolov8s-worldv2", "rtdetr_r50vd"),
    *("grounding-dino-tiny", "grounding-dino-base"),
    *("yolov6m", "yolov6l", "yolov7", "yolov7x", "yolov7-w6"),
)


def answer(model, x):
    said = model(x, training=False) if BACKEND == "tensorflow" else model.predict(x, verbose=0)
    return {key: keras.ops.convert_to_numpy(value) for key, value in said.items()}


def photo(count=1):
    rng = np.random.default_rng(3)
    return rng.integers(0, 256, (count, *SMALL), dtype="uint8")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            n,
            marks=[]
            if n in ON_ALL or BACKEND == "tensorflow" and n not in LATE
            else [pytest.mark.sweep],
        )
        for n in dense.names()
        if "rcnn" not in n  # see test_two_stage.py
    ],
)
def test_equals_its_reference_raw_and_decoded_and_suppressed(name):
    errors = dense.detector_errors(name)
    assert {"class_logits", "box_regression", "boxes", "scores", "found_boxes"} <= set(errors)
    assert max(errors.values()) <= 1e-4, errors


def test_a_file_of_torchvision_loads_by_its_names_and_other_classes_make_a_new_head(tmp_path):
    facts, _ = dense.read("ssdlite320_mobilenet_v3_large")
    save = pytest.importorskip("safetensors.numpy").save_file
    arrays = dense.arrays_of(facts)
    save(arrays, tmp_path / "detector.safetensors")
    app = kapps.find_application("torchvision/ssdlite320_mobilenet_v3_large")
    model = app(weights=tmp_path / "detector.safetensors", classes=3)
    assert {name.rpartition("/")[0] for name in model.load_report.new} == {
        f"head_class{level}_predictions" for level in range(1, 7)
    }
    assert len(model.load_report.loaded) + len(model.load_report.new) == len(arrays)
    stem = arrays["backbone.features.0.0.0.weight"].transpose(2, 3, 1, 0)
    np.testing.assert_array_equal(model.get_layer("stem_conv").get_weights()[0], stem)
    # Column 0 is background, which nobody counts, and column 1 class 0.
    assert model.output["scores"].shape == (None, 3234, 3)
    assert model.get_layer("boxes").class_offset == 1
    del arrays["backbone.extra.3.2.0.weight"]
    save(arrays, tmp_path / "damaged.safetensors")
    with pytest.raises(WeightsError, match="neck_extra4_project_conv/kernel"):
        app(weights=tmp_path / "damaged.safetensors")


def test_a_backbone_with_weights_of_its_own(tmp_path):
    backbone = get("EfficientNetLite0")(weights=None, input_shape=SMALL)
    backbone.save_weights(tmp_path / "own.weights.h5")
    model = SSDLite320EfficientNetLite0(
        backbone_weights=tmp_path / "own.weights.h5", input_shape=SMALL, classes=2
    )
    for name in ("stem_conv", "stage7_block1_project_norm", "head_conv"):
        for ours, theirs in zip(
            model.get_layer(name).get_weights(),
            backbone.get_layer(name).get_weights(),
            strict=True,
        ):
            np.testing.assert_array_equal(ours, theirs)
    assert "stem_conv/kernel" in model.load_report.loaded
    assert SSDLite320EfficientNetLite0.backbone_tag == "imagenet"


def test_saved_and_loaded_it_knows_how_to_decode_and_train(tmp_path):
    model = SSDLite(weights=None, backbone="MobileNetV4ConvSmall", input_shape=SMALL, classes=3)
    said = answer(model, photo())
    model.save(tmp_path / "detector.keras")
    again = keras.models.load_model(tmp_path / "detector.keras")
    for key, value in answer(again, photo()).items():
        np.testing.assert_array_equal(value, said[key])
    boxes, before = again.get_layer("boxes"), model.get_layer("boxes")
    assert boxes.objective == {"name": "ssd", "iou": 0.5, "negatives": 3}
    assert (boxes.layout, boxes.coder, boxes.suppression, boxes.background) == (
        before.layout,
        before.coder,
        before.suppression,
        "apart",
    )
    spec = kapps.layers.spec_of(again)
    assert (spec["application"], spec["task"], spec["crop_mode"]) == (
        "SSDLite",
        "detection",
        "squash",
    )
    np.testing.assert_allclose(1 - said["scores"].sum(-1), background(model), atol=1e-5)


def background(model):
    """The probability of nothing, which `scores` leaves out."""
    logits = kapps.layers.Network(model.inputs, {"raw": model.get_layer("class_logits").output})
    raw = answer(logits, photo())["raw"]
    shares = np.exp(raw - raw.max(-1, keepdims=True))
    return (shares / shares.sum(-1, keepdims=True))[..., 0]


def test_in_half_precision_it_answers_and_decodes_in_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = SSDLite320EfficientNetLite0(weights=None, input_shape=SMALL, classes=2)
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.get_layer("stem_conv").compute_dtype == "bfloat16"
    for name in ("class_logits", "box_regression", "boxes", "scores"):
        assert model.get_layer(name).output.dtype == "float32"
    said = answer(model, photo())
    assert said["boxes"].min() >= 0 and said["boxes"].max() <= 64


def test_one_head_for_all_maps_shares_its_weights():
    model = get("SSDFPNLite320MobileNetV2")(weights=None, input_shape=(128, 128, 3), classes=2)
    names = [layer.name for layer in model.layers]
    assert names.count("head_class_block1_project_conv") == 1
    assert [n for n in names if n.startswith("head_box_block4_norm")] == [
        f"head_box_block4_norm{level}" for level in range(3, 8)
    ]
    # Section 4.1 of RetinaNet: before training every class has the probability 0.01.
    bias = model.get_layer("head_class_predictions").get_weights()[1]
    np.testing.assert_allclose(1 / (1 + np.exp(-bias)), 0.01, rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"backbone": "MLP"}, "backbone='MLP' of SSDLite has no feature maps"),
        ({"backbone": "SSDLite"}, "has no feature maps"),
        ({"input_shape": (None, None, 3)}, "needs a static height and width"),
        ({"classes": 0}, "classes=0: expected a whole number"),
        ({"classes": 1, "background": True}, "leaves nothing to find"),
        ({"size": 320, "input_shape": SMALL}, "has no effect beside input_shape"),
        ({"weights": "a", "backbone_weights": "b"}, "which hold the backbone too"),
        ({"flavor": "caffe"}, "flavor='caffe': SSDLite exists in"),
    ],
)
def test_what_means_nothing_is_refused(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        SSDLite(**arguments)


def test_an_argument_that_it_has_not():
    with pytest.raises(TypeError, match="has no argument 'include_top'"):
        SSDLite(include_top=False)
    with pytest.raises(TypeError, match="weights_backbone and backbone_weights, which are one"):
        SSDLite(weights_backbone="imagenet", backbone_weights="imagenet")


def test_variances_of_a_network_without_epsilon_are_made_smaller_by_ours():
    dialect = dialects.find("retinanet", "torchvision, epsilon 0", "resnet")
    target = dialects.Target("norm", {"moving_variance": (2,)})
    theirs = np.array([0.5, 2.0], "float32")
    ours = dialect.translate({"backbone.body.bn1.running_var": theirs}, {"stem_norm": target})
    np.testing.assert_allclose(ours["stem_norm/moving_variance"] + 1e-5, theirs, rtol=1e-6)
    (row,) = [c for c in catalog.CHECKPOINTS if c.application == "RetinaNetResNet50FPN"]
    assert row.dialect == dialect.name
    assert get("RetinaNetResNet50FPN").flavors[row.flavor].norm_epsilon == 1e-5


def test_small_things_have_small_anchors():
    """Section 4 of RetinaNet: squares, and two ratios, of three sizes in an octave."""
    app = get("RetinaNet")
    sizes = [16, 32, 64, 128, 256]
    model = app(
        weights=None, backbone="MobileNetV4ConvSmall", size=64, classes=2, anchor_sizes=sizes
    )
    boxes = model.get_layer("boxes").anchors.boxes
    # 25 pixels are 24: halves are rounded to even numbers.
    np.testing.assert_array_equal(
        boxes[3:6], [[-s / 2, -s / 2, s / 2, s / 2] for s in (16, 20, 24)]
    )


def test_half_a_tail_has_no_published_backbone():
    with pytest.raises(ValueError, match="add reduced_tail=False"):
        get("SSDLite320MobileNetV3Large")(weights=None, backbone_weights="imagenet")


def test_the_numbers_of_torchvision():
    counts = {  # "num_params" of its weights
        "SSDLite320MobileNetV3Large": 3440060,
        "SSD300VGG16": 35641826,
        "RetinaNetResNet50FPN": 34014999,
        "RetinaNetResNet50FPNV2": 38198935,
        "FCOSResNet50FPN": 32269600,
    }
    # Its own counts leave out the normalisations of ResNets that it keeps frozen.
    frozen = {"RetinaNetResNet50FPN": 53120, "FCOSResNet50FPN": 53120}
    for name, count in counts.items():
        assert kapps.applications.facts(name)["params"] == count + frozen.get(name, 0)


def test_the_numbers_of_efficientdet_lite():
    """Millions of parameters as the package effdet lists its ports of the published networks."""
    for index, millions in enumerate((3.24, 4.25, 5.25, 8.35, 15.1)):
        params = kapps.applications.facts(f"EfficientDetLite{index}")["params"]
        assert params / 1e6 == pytest.approx(millions, abs=0.06)


def test_detr_by_the_names_of_its_files_and_of_the_library():
    """Files keep the names of their time; newer versions of transformers say others in memory."""
    dialect = dialects.find("detr", "transformers", "resnet")
    names = {
        "model.backbone.conv_encoder.model.layer4.0.conv2.weight": "stage4_block1_2_conv/kernel",
        "model.backbone.model.bn1.running_var": "stem_norm/moving_variance",
        "model.encoder.layers.0.self_attn.out_proj.bias": "neck_block1_attention_project/bias",
        "model.decoder.layers.5.encoder_attn.o_proj.bias": "head_block6_cross_project/bias",
        "model.decoder.layers.2.mlp.fc1.bias": "head_block3_mlp_expand/bias",
        "model.decoder.layers.2.fc2.bias": "head_block3_mlp_project/bias",
        "bbox_predictor.layers.2.bias": "head_box_3/bias",
    }
    norm = dialects.Target("norm", {"moving_variance": (1,)})
    for name, ours in names.items():
        array = np.zeros((1, 1, 1, 1) if name.endswith("conv2.weight") else 1)
        assert list(dialect.translate({name: array}, {"stem_norm": norm})) == [ours]


def test_the_numbers_of_detr():
    """transformers 5.24 counts 41,524,768 and leaves out the frozen normalisations of ResNet-50."""
    assert kapps.applications.facts("DETRResNet50")["params"] == 41524768 + 53120
    tags = [(c.url, dict(c.arguments)) for c in catalog.CHECKPOINTS if "DETR" in c.application]
    assert ("hf://facebook/detr-resnet-101-dc5", {"output_stride": 16}) in tags
    dc5 = kapps.find_application("transformers/facebook/detr-resnet-50-dc5")
    assert (dc5.spec.arguments, dc5.name) == ({"output_stride": 16}, "DETRResNet50")


def test_the_numbers_of_rt_detr():
    """transformers 5.24 counts 42,891,372, frozen normalisations of ResNet-50-vd (53,248) left out,
    and 81 vectors of the denoising queries, which only training has.
    """
    assert kapps.applications.facts("RTDETRResNet50")["params"] == 42891372 + 53248 - 81 * 256
    millions = {18: 20, 34: 31, 50: 42, 101: 76}  # the authors' table
    for depth, count in millions.items():
        params = kapps.applications.facts(f"RTDETRResNet{depth}")["params"]
        assert params / 1e6 == pytest.approx(count, abs=1)


def test_lists_by_task():
    detectors = kapps.list_models(task="detection")
    assert {"SSDLite", "RetinaNetResNet50FPN", "FCOS"} <= set(detectors)
    assert not set(detectors) & set(kapps.list_models(task="classification"))
    with pytest.raises(ValueError, match="task='detecting' does not exist"):
        kapps.list_models(task="detecting")
