"""The page of a run and that of several, on tiny runs of the digits."""

import json
import re
import shutil
import sys

import numpy as np
import pytest

from kapps.cli.settings import main
from kapps.recipes import report, train
from kapps.reports import keeping, page, run_page
from kapps.runs import Run
from tests.recipes.test_demo import Balanced


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "digits"
    train.run(train.Settings(model="LeNet5", data="digits", out=str(out), epochs=2, batch_size=256))
    return out


@pytest.fixture
def copies(folder, tmp_path):
    """Two runs, one of them with another learning rate in its settings."""
    for name in ("one", "two"):
        shutil.copytree(folder, tmp_path / name)
    settings = tmp_path / "two" / "settings.yaml"
    settings.write_text(settings.read_text().replace("learning_rate: 0.001", "learning_rate: 0.5"))
    return str(tmp_path / "one"), str(tmp_path / "two")


def parsed(text):
    parser = Balanced()
    parser.feed(text)
    assert parser.open == []
    return parser


def test_every_training_leaves_a_page_that_needs_nothing_else(folder):
    text = (folder / "report.html").read_text()
    parser = parsed(text)
    assert all(link.startswith("data:image/") for link in parser.links)
    assert not re.search(r"https?://|<script|@import|url\(", text)
    for heading in (
        "Curves",
        "Confusion",
        "Calibration",
        "Close calls",
        "Settings",
        "Most confused",
    ):
        assert heading in parser.words
    best = Run.open(folder).metrics["best"]
    assert f"{best['val_accuracy']:.2%}" in parser.words


def test_a_sample_is_the_picture_that_was_judged(folder):
    """The digits are small, so their thumbnails are exact."""
    import base64
    import io

    from PIL import Image

    from kapps import data

    held = data.load("digits", split="val", size=32, channels=1, progress=False)
    images = np.concatenate([images for images, _ in held])
    (close,) = [one for one in keeping.read(Run.open(folder)) if one.title == "Close calls"]
    assert close.samples
    for sample in close.samples:
        file = io.BytesIO(base64.b64decode(sample.picture.partition(",")[2]))
        pixels = np.asarray(Image.open(file))
        np.testing.assert_array_equal(pixels, images[sample.index, ..., 0])


def test_a_run_of_the_previous_version_gets_its_page(copies):
    """It has neither findings nor the kinds of its metrics, and lacks settings."""
    run = Run.open(copies[0])
    expected = run_page.render(run, keeping.read(run))
    (run.path / "findings.json").unlink()
    (run.path / "report.html").unlink()
    measured = run.metrics
    del measured["metrics"]
    (run.path / "metrics.json").write_text(json.dumps(measured))
    assert report.run(report.Settings(runs=(copies[0],)))["comparison"] is None
    assert (run.path / "report.html").read_text() == expected


def test_a_run_whose_pictures_are_gone_has_its_curves(copies, capsys):
    path = Run.open(copies[0]).path
    (path / "findings.json").unlink()
    settings = (path / "settings.yaml").read_text()
    (path / "settings.yaml").write_text(settings.replace("data: digits", "data: folder:gone"))
    report.run(report.Settings(runs=(str(path),)))
    assert "its pictures cannot be had" in capsys.readouterr().err
    text = (path / "report.html").read_text()
    assert "Confusion" not in text and "loss by epoch" in text


def test_several_runs_are_compared(copies, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = report.run(report.Settings(runs=copies, out="both.html"))
    assert result["comparison"] == "both.html" and len(result["reports"]) == 2
    text = (tmp_path / "both.html").read_text()
    parsed(text)
    differ = text.partition("Settings that differ")[2]
    assert re.findall(r"<td[^>]*>([^<]*)</td>", differ) == ["learning_rate", "0.001", "0.5"]
    charts = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert charts and all(chart.count("<polyline") == 2 for chart in charts)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["gone"], "there is no run folder gone"),
        (["{0}", "--out", "x.html"], "out=x.html is the page of several runs"),
        (["{0}"] * 7, "more than the 6 colours"),
    ],
)
def test_what_cannot_be_shown_is_said(copies, words, sentence, capsys):
    assert main(report.Settings, report.run, [word.format(*copies) for word in words]) == 2
    assert sentence in capsys.readouterr().err


def test_words_of_settings_cannot_become_elements(copies):
    run = Run.open(copies[0])
    settings = (run.path / "settings.yaml").read_text()
    (run.path / "settings.yaml").write_text(settings + "note: <b>bold</b>\n")
    text = run_page.render(run, [])
    assert "<b>bold" not in text and "&lt;b&gt;bold" in text


def test_all_colours_are_there_in_light_and_dark():
    used = set(re.findall(r"var\((--\w+)\)", page.STYLE))
    light, dark = page.STYLE.split("@media (prefers-color-scheme: dark)")
    assert all(f"{name}:" in light and f"{name}:" in dark for name in used)
    assert f".line.s{page.COLOURS} " in page.STYLE


def test_a_map_of_the_pictures(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "run")
    report.run(report.Settings((str(tmp_path / "run"),), embedding="pca"))
    text = (tmp_path / "run" / "report.html").read_text()
    parser = parsed(text)
    assert "Map of the pictures" in parser.words and "Unlike all others" in parser.words
    assert text.count('class="point"') == 359  # a fifth of the digits
    assert all(link.startswith("data:image/") for link in parser.links)


def test_a_map_by_a_library_that_is_not_there(monkeypatch):
    from kapps.errors import MissingPackageError
    from kapps.tasks import embedding

    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'kapps\[umap\]'"):
        embedding.project(np.eye(4), "umap")


@pytest.mark.sweep
def test_umap_keeps_neighbours_together():
    """It is not among the packages of the tests, since it compiles for half a minute."""
    pytest.importorskip("umap")
    from kapps.tasks import embedding

    random = np.random.default_rng(0)
    groups = np.repeat([0, 1], 20)
    rows = random.normal(size=(40, 8)) + 20 * groups[:, None]
    places = embedding.project(rows, "umap")
    assert places.min() == 0 and places.max() == 1
    distance = np.square(places[:, None] - places[None]).sum(-1) + 9 * np.eye(40)
    np.testing.assert_array_equal(groups[distance.argmin(1)], groups)


def test_the_chart_of_gradients_is_theirs():
    """Equal logits of two classes: the gradient is x times (-1/2, 1/2), and |x| = 5."""
    import keras

    from kapps.recipes import _flow

    image = keras.Input((2,))
    dense = keras.layers.Dense(2, "softmax", name="predictions")
    model = keras.Model(image, dense(image))
    dense.set_weights([np.float32([[1, 1], [2, 2]]), np.zeros(2)])
    batches = [(np.float32([[3, 4]]), np.array([0]))]
    curve, table = _flow.measure(None, model, batches, "class", 2)
    norm = 5 * 0.5**0.5
    assert curve.lines["step 1"] == [(1, pytest.approx(np.log10(norm), rel=1e-5))]
    assert curve.lines["step 2"][0][1] < np.log10(norm)  # it learns
    path, first, _, relative = table.rows[0]
    assert path == "1: predictions/kernel"
    assert (first, relative) == (f"{norm:.3g}", f"{norm / 10**0.5:.3g}")
    assert "Nothing vanishes or explodes" in curve.text


def test_gradients_of_runs_side_by_side(copies, tmp_path):
    report.run(report.Settings(copies, gradients=1, out=str(tmp_path / "both.html")))
    page_of_one = parsed((tmp_path / "one" / "report.html").read_text())
    assert "Gradient flow" in page_of_one.words and "Norms of gradients" in page_of_one.words
    text = (tmp_path / "both.html").read_text()
    parsed(text)
    chart = text.partition('aria-label="gradient flow at the first step"')[2].partition("</svg>")[0]
    assert chart.count("<polyline") == 2 and chart.count("<circle") == 2 * 5  # LeNet-5's kernels
