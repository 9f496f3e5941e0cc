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
        "import sys, kapps; names = kapps.list_models('*lite*', max_params=5_000_000);"
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


@pytest.mark.parametrize("name", APPLICATIONS)
def test_every_application_has_facts(name):
    row = facts(name)
    assert row["params"] > 0
    assert row["macs"] > 0
    assert row["levels"] or row["family"] == "perceptron"  # which has no maps


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
