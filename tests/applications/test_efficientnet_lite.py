"""EfficientNet-Lite against timm, and with its real weights on real photographs."""

import math
from pathlib import Path

import numpy as np
import pytest

import kapps
from kapps.applications.imagenet_utils import class_names, decode_predictions
from tests.parity import goldens

SAMPLES = Path(__file__).parents[3] / "shared/data/imagenet_samples"
# Trainable parameters of timm's tf_efficientnet_lite0 to 4 (reference_models.tsv).
PARAMETERS = (4_652_008, 5_416_680, 6_092_072, 8_197_096, 13_006_568)


@pytest.mark.parametrize("index", range(5))
def test_parameters(index):
    app = getattr(kapps.applications, f"EfficientNetLite{index}")
    model = app(weights=None, input_shape=(32, 32, 3))
    assert sum(math.prod(v.shape) for v in model.trainable_variables) == PARAMETERS[index]


@pytest.mark.parametrize("name", goldens.names("efficientnet_lite"))
def test_equals_timm(name):
    assert goldens.relative_error(name) <= 1e-5


def test_real_weights_name_a_real_photo():
    from sklearn.datasets import load_sample_image

    model = kapps.applications.EfficientNetLite0()
    photo = kapps.create_transform(model)(load_sample_image("china.jpg"))
    scores = model.predict(photo[None], verbose=0)
    # The photo shows the pavilion of the Summer Palace in Beijing.
    labels = [label for _, label, _ in decode_predictions(scores, top=3)[0]]
    assert {"palace", "boathouse", "stupa"} & set(labels), labels


def test_a_model_without_a_head_leaves_the_classifier_unused():
    model = kapps.applications.EfficientNetLite0(include_top=False, pooling="avg")
    assert set(model.load_report.unused) == {"predictions/kernel", "predictions/bias"}


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the ImageNet samples are not on this machine")
@pytest.mark.parametrize(("index", "top1"), [(0, 86.0), (1, 86.0), (2, 86.0)])
def test_accuracy_on_imagenet_samples(index, top1):
    # The original PyTorch code gets 88.8 % with Lite0 on a larger set of such images.
    model = getattr(kapps.applications, f"EfficientNetLite{index}")()
    transform = kapps.create_transform(model)
    wnids = [wnid for wnid, _ in class_names()]
    files = sorted(SAMPLES.glob("*.JPEG"))
    images = np.stack([transform(path) for path in files])
    truth = np.array([wnids.index(path.name.split("_")[0]) for path in files])
    scores = model.predict(images, verbose=0, batch_size=20)
    assert 100 * (scores.argmax(axis=1) == truth).mean() >= top1
