import numpy as np
import pytest

from kapps import runs
from kapps.errors import RunError
from kapps.recipes import evaluate, soup, train


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
