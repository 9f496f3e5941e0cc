"""The registry, the specs and the names that networks have elsewhere."""

import math
import subprocess
import sys

import pytest

import kapps
from kapps.applications import APPLICATIONS, facts
from kapps.applications.imagenet_utils import class_names, decode_predictions, preprocess_input


def test_lists_without_keras():
    code = (
        "import sys, kapps;"
        "names = kapps.list_models('*lite*', task='classification', max_params=5_000_000);"
        "assert names == ['EfficientNetLite0'], names;"
        "assert not {'keras', 'tensorflow', 'jax', 'torch'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_conditions_of_list_models():
    assert kapps.list_models("mobilenetv2") == ["MobileNetV2"]
    assert kapps.list_models(family="lenet") == ["LeNet1", "LeNet5"]
    assert "LeNet5" in kapps.list_models(max_macs=1_000_000)
    assert "LeNet5" in kapps.list_models(weights=False)
    assert "EfficientNetLite0" in kapps.list_models(weights="imagenet")
    assert kapps.list_models() == list(APPLICATIONS)


def test_spec_names_the_same_network_elsewhere():
    spec = kapps.applications.MobileNetV2.spec
    assert spec.references == {"keras": "MobileNetV2"}
    assert (spec.size, spec.mean, spec.std) == (224, (127.5,) * 3, (127.5,) * 3)
    torch = kapps.applications.MobileNetV2.bind(flavor="torch").spec
    assert torch.references == {"timm": "mobilenetv2_100", "torchvision": "mobilenet_v2"}


def test_find_application_binds_the_arguments():
    app = kapps.find_application("timm/mobilenetv2_050")
    assert app.spec.references["timm"] == "mobilenetv2_050"
    # timm counts 1,968,680 trainable parameters (reference_models.tsv).
    model = app(weights=None, input_shape=(32, 32, 3))
    assert sum(math.prod(v.shape) for v in model.trainable_variables) == 1_968_680


@pytest.mark.parametrize(
    ("name", "crop_pct", "interpolation"),
    [  # as timm and torchvision evaluate these weights, whatever is usual for the family
        ("timm/resnext101_64x4d.c1_in1k", 0.95, "bicubic"),
        ("torchvision/resnext101_64x4d", 224 / 232, "bilinear"),
        ("torchvision/resnet50.imagenet1k_v1", 224 / 256, "bilinear"),
        ("torchvision/regnet_x_400mf", 224 / 232, "bilinear"),
        ("timm/regnetx_002", 0.875, "bicubic"),
    ],
)
def test_weights_bring_the_rule_by_which_they_were_evaluated(name, crop_pct, interpolation):
    spec = kapps.find_application(name).spec
    assert (spec.crop_pct, spec.interpolation) == (pytest.approx(crop_pct, abs=1e-6), interpolation)


def test_a_network_that_elsewhere_has_a_classifier_has_it_here():
    # ViT-H/14 is published without one, but for torchvision's weights.
    assert kapps.find_application("torchvision/vit_h_14").defaults["classes"] == 1000
    assert kapps.applications.ViTHuge14.classes == 0


def test_the_only_weights_of_a_network_need_no_tag():
    app = kapps.find_application("timm/vit_small_patch8_224")
    assert app.name == "DINOViTSmall8"
    assert app.defaults["weights"] == "timm/vit_small_patch8_224.dino"


@pytest.mark.parametrize("name", APPLICATIONS)
def test_every_application_has_facts(name):
    row = facts(name)
    assert row["params"] > 0
    assert row["macs"] > 0
    assert row["levels"] or row["family"] == "perceptron" or row["task"] != "classification"


def test_class_names():
    names = class_names()
    assert len(names) == 1000
    assert names[0] == ("n01440764", "tench")
    assert names[999][0] == "n15075141"


def test_decode_predictions_names_the_best_first():
    scores = [[0.0] * 1000]
    scores[0][207] = 0.9
    scores[0][208] = 0.1
    ((first, second),) = decode_predictions(scores, top=2)
    assert first == ("n02099601", "golden_retriever", 0.9)
    assert second[2] == 0.1


def test_preprocess_input_is_the_identity():
    x = object()
    assert preprocess_input(x) is x


@pytest.mark.parametrize("module", ["vgg16", "resnet50", "mobilenet_v2", "imagenet_utils"])
def test_modules_of_keras_applications_are_attributes(module):
    assert hasattr(getattr(kapps.applications, module), "preprocess_input")
