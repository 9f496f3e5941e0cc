import numpy as np
import pytest

from kapps import runs
from kapps.data import load
from kapps.errors import RunError
from kapps.recipes import evaluate, soup, train
from kapps.tasks.classification import Classification


@pytest.fixture(scope="module")
def members(tmp_path_factory):
    """Three short runs on the digits from the same random weights."""
    folder = tmp_path_factory.mktemp("runs")
    for name, rate in (("a", 0.003), ("b", 0.002), ("c", 0.001)):
        out = str(folder / name)
        train.run(
            train.Settings(
                model="LeNet5", data="digits", out=out, epochs=2, learning_rate=rate,
                augment="none", tensorboard=False,
            )
        )  # fmt: skip
    return folder


def test_a_soup_is_the_mean_of_what_helps(members, tmp_path):
    paths = tuple(str(members / name) for name in "abc")
    found = soup.run(soup.Settings(paths, out=str(tmp_path / "soup")))
    run = runs.Run.open(tmp_path / "soup")
    weights = [runs.Run.open(path).load_model().get_weights() for path in found["members"]]
    for got, each in zip(run.load_model().get_weights(), zip(*weights, strict=True), strict=True):
        np.testing.assert_allclose(got, np.mean(each, axis=0), rtol=1e-5, atol=1e-7)
    assert found["best"]["accuracy"] >= found["alone"]["accuracy"]
    assert evaluate.run(evaluate.Settings(run.path.as_posix()))["top1"] == pytest.approx(
        found["best"]["accuracy"]
    )
    best = max(runs.Run.open(p).metrics["best"]["val_accuracy"] for p in paths)
    assert found["alone"]["accuracy"] == pytest.approx(best)
    everything = soup.run(soup.Settings(paths, out=str(tmp_path / "all"), how="all"))
    assert set(everything["members"]) == set(paths)


def test_what_cannot_be_averaged_says_so(members, tmp_path):
    one = str(members / "a")
    with pytest.raises(ValueError, match="an average needs two or more runs"):
        soup.run(soup.Settings((one,), out=str(tmp_path / "soup")))
    other = str(tmp_path / "other")
    train.run(
        train.Settings(
            model="LeNet1", data="digits", out=other, epochs=1, augment="none", tensorboard=False
        )
    )
    with pytest.raises(RunError, match="is another network than"):
        soup.run(soup.Settings((one, other), out=str(tmp_path / "soup")))
    assert not (tmp_path / "soup").exists()


def test_statistics_of_the_average_are_measured(tmp_path):
    """Of the activations that it has, not the mean of those that its members had."""
    import keras

    from kapps.recipes.train import Settings

    def member(name: str, seed: int) -> str:
        keras.utils.set_random_seed(seed)
        image = keras.Input((8, 8, 1))
        x = keras.layers.Conv2D(4, 3, name="conv")(keras.layers.Rescaling(1 / 255)(image))
        x = keras.layers.BatchNormalization(name="norm")(x)
        x = keras.layers.Dense(10, "softmax")(keras.layers.Flatten()(x))
        how = Settings(
            model="-", data="digits", out=str(tmp_path / name), augment="none", batch_size=64,
            validation=0.2, label_smoothing=0.0,
        )  # fmt: skip
        spec = {"size": 8, "channels": 1, "crop_pct": 1.0}
        run = runs.Run.create(how.out, how, "train", list("0123456789"), spec)
        run.save_model(keras.Model(image, x), "best")
        row = {"stage": "train", "epoch": 1, "val_accuracy": 0.1, "val_loss": 2.0}
        run.write_history([row], Classification.metrics)
        return how.out

    members = (member("a", 0), member("b", 1))
    how = {"how": "all", "recalibrate": 100}  # more than there are
    soup.run(soup.Settings(members, out=str(tmp_path / "soup"), **how))
    model = runs.Run.open(tmp_path / "soup").load_model()
    data = load("digits", size=8, channels=1, batch_size=64)
    images = np.concatenate([x for x, _ in data])
    seen = keras.Model(model.input, model.get_layer("conv").output).predict(images, verbose=0)
    norm = model.get_layer("norm")
    # All but the last pictures, which are no full batch, count.
    np.testing.assert_allclose(norm.moving_mean, seen.mean((0, 1, 2)), atol=5e-3)
    np.testing.assert_allclose(norm.moving_variance, seen.var((0, 1, 2)), rtol=3e-2)
    with pytest.raises(ValueError, match="recalibrate=-1 is out of range"):
        soup.run(soup.Settings(members, out=str(tmp_path / "no"), recalibrate=-1))
