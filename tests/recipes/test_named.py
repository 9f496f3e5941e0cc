"""`--weights` and `--arguments`: a local file of weights in every job that takes an application."""

import numpy as np
import pytest
from PIL import Image

from kapps.applications import LeNet5, MobileNetV2
from kapps.cli.settings import main
from kapps.errors import SettingsError, WeightsError
from kapps.export import Bundle
from kapps.models import sources
from kapps.recipes import _predictor, benchmark, evaluate, export, predict

ARGUMENTS = ("alpha=0.35", "classes=4", "input_shape=[32, 32, 3]")
GIVEN = {"alpha": 0.35, "classes": 4, "input_shape": [32, 32, 3]}


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """(model, its file of weights, a folder of pictures of its classes)."""
    import keras

    keras.utils.set_random_seed(0)
    model = MobileNetV2(weights=None, **GIVEN)
    folder = tmp_path_factory.mktemp("network")
    model.save_weights(folder / "mine.weights.h5")
    for name in "0123":
        (folder / "data" / name).mkdir(parents=True)
        pixels = np.random.default_rng(int(name)).integers(0, 256, (32, 32, 3)).astype("uint8")
        Image.fromarray(pixels).save(folder / "data" / name / "a.png")
    return model, str(folder / "mine.weights.h5"), folder / "data"


def test_predict_and_evaluate(network):
    model, weights, data = network
    given = {"model": "MobileNetV2", "weights": weights, "arguments": ARGUMENTS}
    (row,) = predict.run(predict.Settings(images=(str(data / "2" / "a.png"),), **given))
    predictor = _predictor.load_any("MobileNetV2", weights=weights, arguments=GIVEN)
    image = predictor.transform(data / "2" / "a.png")
    expected = model.predict(image[None].astype("float32"), verbose=0)[0]
    scores = {p["index"]: p["score"] for p in row["predictions"]}
    np.testing.assert_allclose([scores[i] for i in range(4)], expected, rtol=1e-4)
    with pytest.raises(ValueError, match="4 outputs without names"):
        two = data.parent / "two"
        for name in "ab":
            (two / name).mkdir(parents=True)
            Image.new("RGB", (9, 9)).save(two / name / "a.png")
        evaluate.run(evaluate.Settings(data=str(two), **given))
    result = evaluate.run(evaluate.Settings(data=str(data), **given))
    assert result["images"] == 4


def test_export(network, tmp_path):
    model, weights, data = network
    options = export.Settings(
        model="MobileNetV2", weights=weights, arguments=ARGUMENTS, out=str(tmp_path / "bundle")
    )
    result = export.run(options)
    assert result["spec"]["output"]["shape"] == [1, 4]
    assert "alpha=0.35" in result["report"]["origin"] and weights in result["report"]["origin"]
    image = np.array(Image.open(data / "1" / "a.png"))[None].astype("float32")
    from kapps.export import Runner

    got = Runner(Bundle.open(tmp_path / "bundle").model).predict(image)
    np.testing.assert_allclose(got, model.predict(image, verbose=0), atol=1e-4)


def test_benchmark_children_get_them(network):
    model, weights, _ = network
    given = {"weights": weights, "arguments": ARGUMENTS}
    (row,) = benchmark.run(benchmark.Settings(model="MobileNetV2", rounds=1, **given))["models"]
    assert row["mb"] == pytest.approx(4 * model.count_params() / 1e6)
    assert row["macs"] is None  # those of the table are for the default arguments


@pytest.mark.parametrize("job", [predict, evaluate, export, benchmark])
def test_a_model_that_is_one_already_takes_none(network, tmp_path, capsys, job):
    _, _, data = network
    path = tmp_path / "model.tflite"
    path.write_bytes(b"never read")
    words = {predict: [str(data / "0" / "a.png"), "--model"], export: []}.get(job, [])
    more = {evaluate: ["--data", str(data)], export: ["--out", str(tmp_path / "out")]}
    for given in (["--weights", "x.h5"], ["--arguments", "alpha=0.5"]):
        argv = [*words, str(path), *more.get(job, []), *given]
        assert main(job.Settings, job.run, argv) == 2
        error = capsys.readouterr().err.strip()
        assert f"has no effect on {path}" in error
        assert len(error.splitlines()) == 1


def test_a_classifier_of_other_classes_is_refused(network):
    _, weights, _ = network
    given = {"alpha": 0.35, "input_shape": (32, 32, 3)}
    with pytest.raises(WeightsError, match=r"4 classes, not 1000; add --arguments classes=4\."):
        sources.resolve("MobileNetV2", weights=weights, arguments=given)
    model = LeNet5(weights=None)
    with pytest.raises(SettingsError, match="has no effect"):
        sources.resolve(model, weights=weights)
    with pytest.raises(SettingsError, match="say the same"):
        sources.resolve("MobileNetV2", weights=weights, arguments={"weights": "imagenet"})
    with pytest.raises(SettingsError, match="did you mean 'alpha'"):
        sources.resolve("MobileNetV2", arguments={"alhpa": 1})
