"""YOLO-World: names come and go, and the network is the same."""

import keras
import numpy as np
import pytest

import kapps
from kapps.applications import _heads, facts, get, yolo_world, yolov8
from kapps.errors import WeightsError
from tests.parity import dense

TINY = yolov8.application(
    "YOLOWorldTiny", yolo_world.yolo_world, yolov8.backbone, (0.33, 0.125, 512)
)
SHAPE = (64, 64, 3)
WORDS = np.random.default_rng(2).normal(size=(3, 512)).astype("float32")


@pytest.fixture(scope="module")
def tiny():
    """A network of version 1 that looks for three things."""
    keras.utils.set_random_seed(0)
    known = {TINY.name: TINY}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_heads._registry, "get", lambda name: known.get(name) or get(name))
        model = TINY(input_shape=SHAPE, classes=1)
        for level in (3, 4, 5):  # as it is built, almost nothing is anything
            layer = model.get_layer(f"head_class{level}_logits")
            layer.set_weights([np.float32(3), np.zeros(1, "float32")])
        yield kapps.set_vocabulary(model, ["cat", "dog", "traffic light"], WORDS)


def scores(model):
    image = np.random.default_rng(3).integers(0, 256, (1, *SHAPE), dtype="uint8")
    return keras.ops.convert_to_numpy(model(image, training=False)["scores"])


def test_names_in_another_order_have_their_scores_in_that_order(tiny):
    order = [2, 0, 1]
    names = [["cat", "dog", "traffic light"][i] for i in order]
    other = kapps.set_vocabulary(tiny, names, lambda texts: WORDS[order])
    assert kapps.layers.spec_of(other)["labels"] == names
    before = scores(tiny)
    np.testing.assert_allclose(scores(other), before[..., order], atol=1e-6)
    assert np.abs(before[..., 0] - before[..., 1]).max() > 0.01
    assert kapps.layers.spec_of(tiny)["labels"] == ["cat", "dog", "traffic light"]


def test_a_file_has_the_names_and_what_they_are(tiny, tmp_path):
    tiny.save(tmp_path / "world.keras")
    again = keras.models.load_model(tmp_path / "world.keras")
    np.testing.assert_array_equal(scores(again), scores(tiny))
    assert kapps.layers.spec_of(again)["labels"] == ["cat", "dog", "traffic light"]
    assert not again.get_layer("vocabulary").trainable_variables
    np.testing.assert_array_equal(again.get_layer("vocabulary").get_weights()[0], WORDS)
    # Another head for as many classes keeps them, for fewer it has none.
    kept, fewer = (kapps.replace_head(tiny, classes) for classes in (3, 2))
    assert kapps.layers.spec_of(kept)["labels"][2] == "traffic light"
    assert "labels" not in kapps.layers.spec_of(fewer)
    assert fewer.get_layer("vocabulary").is_empty


def test_what_has_no_vocabulary():
    model = kapps.applications.LeNet5(weights=None)
    with pytest.raises(ValueError, match="'lenet5' has no vocabulary; give an open-vocabulary"):
        kapps.set_vocabulary(model, ["cat"])


def test_a_file_of_ultralytics_loads_by_its_names_and_looks_for_nothing_yet(tmp_path):
    save = pytest.importorskip("safetensors.numpy").save_file
    arrays = {
        k: np.asarray(v) for k, v in dense.arrays_of(dense.read("yolov8s-worldv2")[0]).items()
    }
    del arrays["txt_feats"]
    save(arrays, tmp_path / "world.safetensors")
    app = kapps.find_application("ultralytics/yolov8s-worldv2")
    assert app.name == "YOLOWorldV2S"
    model = app(weights=tmp_path / "world.safetensors", input_shape=SHAPE, classes=3)
    assert model.load_report.new == ("vocabulary/embeddings",)
    assert model.get_layer("vocabulary").is_empty
    del arrays["model.15.attn.bias"]
    save(arrays, tmp_path / "damaged.safetensors")
    with pytest.raises(WeightsError, match="neck_top_down3_gate/bias"):
        app(weights=tmp_path / "damaged.safetensors", input_shape=SHAPE)


def test_the_numbers_of_ultralytics():
    """Gradients in the heads of its yolov8-world.yaml and yolov8-worldv2.yaml."""
    counts = {
        "YOLOWorldS": 13383480,
        "YOLOWorldM": 29065294,
        "YOLOWorldL": 47553954,
        "YOLOWorldX": 73690201,
        "YOLOWorldV2S": 12759864,
        "YOLOWorldV2M": 28376142,
        "YOLOWorldV2L": 46832034,
        "YOLOWorldV2X": 72886361,
    }
    assert {name: facts(name)["params"] for name in counts} == counts
    for name in counts:
        assert "AGPL-3.0" in facts(name)["paper"] and "GPL-3.0 as" in facts(name)["paper"]
        assert get(name).__signature__.parameters["weights"].default is None
