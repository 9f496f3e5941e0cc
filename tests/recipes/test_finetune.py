import dataclasses
import json
import types

import numpy as np
import pytest

from kapps import runs
from kapps.errors import KappsError
from kapps.recipes import finetune
from kapps.training import features, resizing

pytestmark = pytest.mark.contract


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Pieces of scikit-learn's two photos: a folder a class."""
    from PIL import Image
    from sklearn.datasets import load_sample_images

    root = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(0)
    for name, photo in zip(("temple", "flower"), load_sample_images().images, strict=True):
        (root / name).mkdir()
        for i in range(20):
            top, left = random.integers(0, 427 - 128), random.integers(0, 640 - 128)
            piece = Image.fromarray(photo[top : top + 128, left : left + 128])
            piece.save(root / name / f"{i}.png")
    return root


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A small network with BatchNorm, as a .keras file: stands for a pretrained one."""
    import keras

    from kapps.layers.preprocessing import PREPROCESSING, normalize

    keras.utils.set_random_seed(0)
    spec = {"application": "Tiny", "size": 32, "crop_pct": 1.0, "interpolation": "bilinear"}
    image = keras.Input((32, 32, 3), name="image")
    x = normalize(image, PREPROCESSING["unit"], "channels_last", spec)
    for stage, filters in enumerate((8, 16), 1):
        x = keras.layers.Conv2D(filters, 3, strides=2, name=f"stage{stage}_conv")(x)
        x = keras.layers.BatchNormalization(name=f"stage{stage}_norm")(x)
        x = keras.layers.ReLU(name=f"stage{stage}_act")(x)
    x = keras.layers.GlobalAveragePooling2D(name="avg_pool")(x)
    x = keras.layers.Dropout(0.2, name="head_dropout")(x)
    model = keras.Model(image, keras.layers.Dense(7, "softmax", name="predictions")(x))
    path = tmp_path_factory.mktemp("network") / "network.keras"
    model.save(path)
    return path


@pytest.fixture
def settings(photos, network, tmp_path):
    def make(**changes):
        values = {
            "data": f"folder:{photos}",
            "model": str(network),
            "out": str(tmp_path / "run"),
            "epochs_head": 10,
            "epochs": 2,
            "batch_size": 8,
            "batch_size_head": 8,
            "learning_rate_head": 0.01,
        }
        return finetune.Settings(**{**values, **changes})

    return make


def weights(model) -> dict[str, np.ndarray]:
    return {v.path: np.array(v) for v in model.weights}


def test_both_phases(settings, network, tmp_path, capsys):
    import keras

    result = finetune.run(settings())
    said = capsys.readouterr().err
    assert "34 of 1,522 parameters train, in 1 layers: predictions" in said
    assert "frozen: 2 layers: stage1_conv to stage2_conv" in said
    assert "inference mode, gamma and beta frozen: 2 BatchNormalization" in said
    run = runs.Run.open(tmp_path / "run")
    assert [row["stage"] for row in run.metrics["history"]] == ["head"] * 10 + ["finetune"] * 2
    assert result["best"]["val_accuracy"] > 0.7
    assert run.labels == ["flower", "temple"]
    before, after = weights(keras.saving.load_model(network)), weights(run.load_model("last"))
    for name, old in before.items():
        if "predictions" not in name:
            same = np.array_equal(old, after[name])
            assert same == ("norm" in name), name  # BatchNorm stands, the rest moves
    assert not any(isinstance(layer, keras.Model) for layer in run.load_model().layers)


def test_the_network_thaws_from_the_top(settings, capsys):
    finetune.run(settings(epochs_head=1, epochs=1, gradual=1, tensorboard=False))
    run = runs.Run.open(settings().out)
    stages = [row["stage"] for row in run.metrics["history"]]
    assert stages == ["head", "gradual_stage2", "finetune"]
    said = capsys.readouterr().err
    assert "in 2 layers: stage2_conv to predictions" in said
    assert "in 3 layers: stage1_conv to predictions" in said
    finetune.run(settings(epochs_head=1, epochs=1, gradual=1, tensorboard=False, resume=True))
    assert [row["stage"] for row in run.metrics["history"]] == stages


def test_the_head_alone_leaves_the_network_as_it_was(settings, network, tmp_path):
    import keras

    result = finetune.run(settings(epochs=0))
    run = runs.Run.open(tmp_path / "run")
    before, after = weights(keras.saving.load_model(network)), weights(run.load_model())
    for name in before:
        if "predictions" not in name:
            np.testing.assert_array_equal(before[name], after[name])
    # The saved model is as good as its head on the features was.
    from kapps.recipes import evaluate

    measured = evaluate.run(evaluate.Settings(model=str(run.path)))
    assert measured["split"] == "val"
    assert measured["images"] == 8
    assert measured["top1"] == pytest.approx(result["best"]["val_accuracy"])
    assert measured["loss"] == pytest.approx(result["best"]["val_loss"], rel=1e-3)


def test_the_frozen_network_sees_each_image_once(settings, monkeypatch):
    seen = []
    plain = features.fold_norms

    def fold_norms(backbone):
        folded = plain(backbone)  # on JAX the backbone itself, which must not be counted twice

        def predict_on_batch(images):
            seen.append(len(images))
            return folded.predict_on_batch(images)

        return types.SimpleNamespace(predict_on_batch=predict_on_batch)

    monkeypatch.setattr(features, "fold_norms", fold_norms)
    finetune.run(settings(epochs=0, epochs_head=10))
    assert sum(seen) == 40  # 32 to train on, 8 to judge by; ten epochs


def test_a_file_is_trained_in_the_precision_asked_for(settings, network, tmp_path):
    import keras

    finetune.run(settings(precision="mixed_bfloat16", epochs=1, epochs_head=2))
    run = runs.Run.open(tmp_path / "run")
    layers = {layer.name: layer for layer in run.load_model().layers}
    assert layers["stage2_conv"].compute_dtype == "bfloat16"
    assert layers["stage2_conv"].variable_dtype == "float32"
    assert layers["predictions"].compute_dtype == "float32"  # too coarse for a softmax
    # And back: a run in half precision is a start for one in float32.
    full = tmp_path / "full"
    finetune.run(settings(model=str(run.path), out=str(full), epochs=1, epochs_head=2))
    policies = {layer.dtype_policy.name for layer in runs.Run(full).load_model().layers}
    assert policies == {"float32"}
    assert keras.config.dtype_policy().name == "float32"


def test_an_interrupted_run_ends_where_a_whole_one_does(settings, tmp_path, monkeypatch):
    from kapps.training import engine

    whole = finetune.run(settings(out=str(tmp_path / "whole")))
    plain = engine.Recorder.on_train_batch_end
    for stage, epoch in (("head", 4), ("finetune", 0), ("finetune", 1)):

        def on_train_batch_end(self, batch, logs=None, stop=(stage, epoch)):
            plain(self, batch, logs)
            if (self.plan.stage, self.epoch) == stop:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(engine.Recorder, "on_train_batch_end", on_train_batch_end)
            with pytest.raises(KeyboardInterrupt):
                finetune.run(settings(resume=True))
        # The features are stored: no picture goes through the frozen network again.
        monkeypatch.setattr(features, "_fill", None)
    resumed = finetune.run(settings(resume=True))
    assert resumed["epochs"] == whole["epochs"] == 12
    one, two = (runs.Run.open(tmp_path / name).load_model("last") for name in ("whole", "run"))
    for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


def test_a_run_can_be_the_start_of_another(settings, tmp_path):
    finetune.run(settings(epochs=0, epochs_head=1))
    again = settings(model=str(tmp_path / "run"), out=str(tmp_path / "two"), epochs_head=0)
    result = finetune.run(again)
    assert result["seconds_features"] is None
    assert runs.Run.open(tmp_path / "two").spec["size"] == 32


def test_a_published_network_learns_photos_from_its_features(settings, tmp_path):
    """EfficientNet-Lite0 with its real weights, small pictures."""
    options = {"model": "EfficientNetLite0", "size": 64, "epochs": 0, "epochs_head": 5}
    result = finetune.run(settings(**options))
    assert result["best"]["val_accuracy"] == 1.0  # a temple is no flower
    spec = json.loads((tmp_path / "run" / "spec.json").read_text())
    assert (spec["application"], spec["size"], spec["classes"]) == ("EfficientNetLite0", 64, 2)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"unfreeze": "stage7"}, "stage7"),
        ({"size": 64}, "32x32"),
        ({"arguments": ("alpha=1",)}, "no effect"),
        ({"weights": "imagenet"}, "no effect"),
        ({"model": "MobileNetV2", "arguments": ("alhpa=1",)}, "did you mean 'alpha'"),
        ({"model": "LeNet5"}, "no published weights"),
        ({"val": "digits", "validation": 0.1}, "validation=0.1"),
        ({"val": "digits"}, "val=digits has the class"),
        ({"model": "nowhere.keras"}, "nowhere.keras"),
        ({"model": "EfficientNetLite9"}, "EfficientNetLite"),
        ({"model": "EfficientNetLite0", "weights": "imagenet21k"}, "imagenet21k"),
        ({"epochs": -1}, "epochs=-1"),
        ({"data": "folder:nowhere"}, "nowhere"),
        ({"epochs": 0, "epochs_head": 0}, "epochs_head"),
        ({"sizes": (32, 48)}, "32x32 pixels; drop size, sizes"),
        ({"sizes": (32, 48), "epochs": 0}, "sizes=32,48 is for the training of the network"),
        ({"sizes": (32, 48), "lora": 4}, "lora=4 is learnt by one; drop one of them"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_bad_settings_are_refused(settings, tmp_path, changes, sentence):
    with pytest.raises((KappsError, ValueError), match=sentence):
        finetune.run(settings(**changes))
    assert not (tmp_path / "run").exists()


def test_no_keras_model_is_refused(settings, tmp_path):
    path = tmp_path / "broken.keras"
    path.write_bytes(b"no zip")
    with pytest.raises(KappsError, match=r"broken\.keras"):
        finetune.run(settings(model=str(path)))


def test_judged_and_saved_at_another_size_than_trained(settings, tmp_path):
    """FixRes: the saved model is for `test_size`, and what judged it is what is said of it."""
    import keras

    from kapps import tasks
    from kapps.layers.preprocessing import PREPROCESSING, normalize
    from kapps.training import pictures, resolving

    keras.utils.set_random_seed(0)
    spec = {"application": "Tiny", "size": 32, "crop_pct": 1.0, "interpolation": "bilinear"}
    image = keras.Input((None, None, 3), name="image")
    x = normalize(image, PREPROCESSING["unit"], "channels_last", spec)
    x = keras.layers.Conv2D(8, 3, strides=2, activation="relu", name="stage1_conv")(x)
    x = keras.layers.GlobalAveragePooling2D(name="avg_pool")(x)
    model = keras.Model(image, keras.layers.Dense(7, "softmax", name="predictions")(x))
    model.save(tmp_path / "open.keras")
    how = settings(model=str(tmp_path / "open.keras"), size=32, test_size=48, epochs=1)
    finetune.run(how)
    run = runs.Run.open(how.out)
    assert run.spec["size"] == 48
    task = tasks.of_spec(run.spec)
    splits = pictures.Splits(resolving.resolve(how), run.spec, 48, 3, task=task)
    judged = task.judge(run.load_model("last"), pictures.Pictures(splits.validation()))
    last = run.metrics["history"][-1]
    assert last["stage"] == "finetune"
    assert judged["loss"] == pytest.approx(last["val_loss"], rel=1e-4)
    assert judged["accuracy"] == last["val_accuracy"]


@pytest.fixture
def of_small_pictures(tmp_path, monkeypatch):
    """A run of an application at 32 pixels, and the settings of its data."""
    from kapps.applications import named, resnet_cifar
    from kapps.recipes import train

    monkeypatch.setattr(named, "get", lambda _: resnet_cifar._application(8))
    random = np.random.default_rng(0)
    images = random.integers(0, 255, (24, 32, 32, 3)).astype("uint8")
    np.savez(tmp_path / "data.npz", images=images, labels=np.arange(24) % 3)
    how = {"data": f"npz:{tmp_path / 'data.npz'}", "batch_size": 4, "tensorboard": False}
    train.run(
        train.Settings(model="ResNet8", size=32, epochs=1, out=str(tmp_path / "small"), **how)
    )
    return how


@pytest.mark.sweep
def test_sizes_change_by_chance_after_the_head_and_a_killed_run_goes_on(
    of_small_pictures, tmp_path
):
    how = finetune.Settings(
        model=str(tmp_path / "small"), size=32, sizes=(32, 48), epochs_head=1, epochs=4, seed=3,
        warmup_epochs=0.0, test_size=48, out=str(tmp_path / "sizes"), **of_small_pictures,
    )  # fmt: skip
    result = finetune.run(how)
    run, stages = runs.Run.open(how.out), resizing.drawn((32, 48), 1, 4, 3)
    assert {stage.size for stage in stages} == {32, 48}
    names = [stage.name for stage in stages for _ in range(stage.begin, stage.end)]
    rows = run.metrics["history"]
    assert [row["stage"] for row in rows] == ["head", *names]
    # One cosine over all sizes: half of the peak after two of four epochs.
    rates = [row["learning_rate"] for row in rows[1:]]
    assert (rates[1], rates[3]) == pytest.approx((5e-4, 0), abs=1e-9)
    assert run.load_model("last").input_shape == (None, 48, 48, 3)
    again = finetune.run(dataclasses.replace(how, resume=True))
    assert again["best"]["loss"] == result["best"]["loss"]


def test_a_run_of_an_application_is_tuned_at_another_size(of_small_pictures, tmp_path):
    """As FixRes does it: the classifier learns by larger pictures, with what is below it."""
    how = of_small_pictures
    finetune.run(
        finetune.Settings(
            model=str(tmp_path / "small"), size=48, epochs_head=1, epochs=0, unfreeze="none",
            out=str(tmp_path / "large"), **how,
        )
    )  # fmt: skip
    small, large = (runs.Run.open(tmp_path / name).load_model() for name in ("small", "large"))
    assert large.input_shape == (None, 48, 48, 3)
    for old, new in zip(small.layers[:-1], large.layers[:-1], strict=True):
        for one, other in zip(old.get_weights(), new.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
