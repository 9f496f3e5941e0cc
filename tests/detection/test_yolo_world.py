"""YOLO-World: names come and go, and the network is the same."""

import keras
import numpy as np
import pytest
from PIL import Image

import kapps
from kapps.applications import _heads, facts, get, open_vocabulary, yolo_world, yolov8
from kapps.detection import vocabulary
from kapps.errors import ExportError, SettingsError, WeightsError
from kapps.export import export
from kapps.models import sources
from kapps.recipes import _predictor, predict
from kapps.training import building
from tests.parity import dense
from tests.tasks.detectors import SIZE, learnt

TINY = yolov8.application(
    "YOLOWorldTiny", yolo_world.yolo_world, yolov8.backbone, (0.33, 0.125, 512)
)
SHAPE = (64, 64, 3)
RNG = np.random.default_rng(2)
WORDS = RNG.normal(size=(3, 512)).astype("float32")


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
    image = np.arange(np.prod(SHAPE)).reshape(1, *SHAPE) * 37 % 256
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
    kept = kapps.replace_head(tiny, 3)  # as a training does, which would encode no name it knows
    assert kapps.layers.spec_of(kept)["labels"][2] == "traffic light"


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


@pytest.mark.sweep
def test_predict_finds_what_it_is_told_to_look_for(tiny, tmp_path, capsys):
    tiny.save(tmp_path / "world.keras")
    Image.fromarray(RNG.integers(0, 256, (48, 64, 3), dtype="uint8")).save(tmp_path / "a.png")
    words = tmp_path / "words.npz"
    np.savez(words, names=["zebra", "red bus"], embeddings=WORDS[:2])
    told = {"vocabulary": (str(words),), "threshold": 0.0, "json": True}
    settings = predict.Settings(
        (str(tmp_path / "a.png"),), model=str(tmp_path / "world.keras"), **told
    )
    (said,) = predict.run(settings)
    assert {one["label"] for one in said["detections"]} == {"zebra", "red bus"}
    assert '"red bus"' in capsys.readouterr().out


def test_what_was_not_told_what_to_look_for_or_cannot_be(tiny, tmp_path):
    kept = sources.resolve(tiny)
    kept.refuse_empty()
    assert kept.labels == ["cat", "dog", "traffic light"]
    empty = TINY(input_shape=SHAPE, classes=1)
    with pytest.raises(ExportError, match="looks for a vocabulary, and has none; .*--vocabulary"):
        sources.resolve(empty).refuse_empty()
    with pytest.raises(ValueError, match=r"names\[1\]='' is empty"):
        sources.resolve(empty, vocabulary=("cat", ""))
    fixed = get("LeNet5")(weights=None)
    with pytest.raises(SettingsError, match="'cat,dog' has no effect on lenet5, whose classes are"):
        sources.resolve(fixed, vocabulary=("cat", "dog"))
    (tmp_path / "model.tflite").touch()
    with pytest.raises(SettingsError, match="'cat' has no effect on .*, which is exported already"):
        _predictor.load_any(str(tmp_path / "model.tflite"), vocabulary=("cat",))


def test_a_training_looks_for_the_classes_of_its_data(tiny, tmp_path, monkeypatch):
    names = ["cat", "dog", "traffic light"]
    assert open_vocabulary.for_classes(tiny, names, (), "it") is tiny
    told = []

    def encoder(texts, place):
        told.append((texts, place))
        return WORDS[: len(texts)]

    monkeypatch.setitem(vocabulary.ENCODERS, "clip", (encoder, "openai/clip"))
    open_vocabulary.for_classes(tiny, ["0", "1"], ("a cat", "a dog"), "it")
    assert told == [(["a cat", "a dog"], "openai/clip")]
    with pytest.raises(SettingsError, match="'a,b' has 2 names for the 1 classes of the data, 0;"):
        open_vocabulary.for_classes(tiny, ["0"], ("a", "b"), "it")
    np.savez(tmp_path / "words.npz", names=["cat"], embeddings=WORDS[:1])
    words = (str(tmp_path / "words.npz"),)
    with pytest.raises(SettingsError, match="has no embedding of 'dog'"):
        open_vocabulary.for_classes(tiny, ["cat", "dog"], words, "it")


def test_a_detector_with_a_backbone_of_its_own_starts_from_a_file(tiny, tmp_path, monkeypatch):
    tiny.save_weights(tmp_path / "tiny.weights.h5")
    app = TINY.bind(weights=tmp_path / "tiny.weights.h5")
    monkeypatch.setattr(building.named, "bound", lambda *_: app)
    model = building.pretrained("YOLOWorldTiny", None, ()).build(64, 2, None)
    assert model.get_layer("vocabulary").is_empty
    for layer in ("stem_conv", "head_class3_logits"):
        for own, given in zip(
            model.get_layer(layer).get_weights(), tiny.get_layer(layer).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(own, given)


@pytest.mark.sweep
def test_it_learns_squares_and_files_of_a_phone_find_them(tiny, tmp_path):
    keras.utils.set_random_seed(1)
    shape = (SIZE, SIZE, 3)
    model = kapps.set_vocabulary(TINY(input_shape=shape, classes=2), ["one", "two"], WORDS[:2])
    run = learnt(model, tmp_path, count=300, epochs=5, learning_rate=0.003)
    np.testing.assert_array_equal(model.get_layer("vocabulary").get_weights()[0], WORDS[:2])
    modes = ["float32", "float16", "int8"]
    for bundle in export(run, tmp_path / "out", quantize=modes, max_drop=20):
        check = bundle.report["verification"]
        assert bundle.labels == ["one", "two"]
        assert check["keras_map50"] > 0.8
        assert abs(check["drop"]) <= 20, bundle.path
