"""The demo's report and its folder; the demo itself is run whole by `make demo`."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from kapps.errors import SettingsError
from kapps.recipes import _report, _tables, demo
from kapps.recipes._report import Photo, Row, Sample, Story
from kapps.reports import charts

VOID = {"meta", "img"}


class Balanced(HTMLParser):
    """Checks that every element is closed where it should be, and collects what is linked."""

    def __init__(self):
        super().__init__()
        self.open, self.links, self.words = [], [], []

    def handle_starttag(self, tag, attributes):
        if tag not in VOID:
            self.open.append(tag)
        self.links += [value for name, value in attributes if name in ("src", "href")]

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def page():
    pixels = np.full((8, 8, 3), 200, "uint8")
    story = Story(
        "A & B <c>",
        "text",
        [("accuracy", {"training": [0.5, 0.9], "held out": [0.4, 1.0]}, True)],
        np.array([[9, 1], [0, 10]]),
        ["cat", "d<o>g"],
        [Sample(pixels[..., 0], "cat", "cat", 0.98), Sample(pixels, "cat", "d<o>g", 0.6)],
    )
    rows = [
        Row("LeNet5", "jax", "SavedModel", 0.57, 0.961, None, None, None),
        Row("LeNet5", "jax", ".tflite int8", 0.073, 0.961, 0.964, 0.997, 0.1),
    ]
    photos = [Photo("a.jpg", pixels, [("palace", 0.3), ("bell cote", 0.17)])]
    return _report.render({"best": "96.1%"}, photos, [story], rows, {"kapps": "0.1.0"})


def test_the_page_is_well_formed_and_needs_nothing_else(page):
    parser = Balanced()
    parser.feed(page)
    assert parser.open == []
    assert parser.links and all(link.startswith("data:image/") for link in parser.links)
    assert not re.search(r"https?://|<script|@import|url\(", page)


def test_the_page_has_light_and_dark(page):
    assert "prefers-color-scheme: dark" in page
    used = set(re.findall(r"var\((--\w+)\)", page))
    light, dark = page.split("@media (prefers-color-scheme: dark)")
    assert all(f"{name}:" in light and f"{name}:" in dark for name in used)


def test_words_of_data_cannot_become_elements(page):
    assert "d<o>g" not in page and "d&lt;o&gt;g" in page
    assert "A &amp; B &lt;c&gt;" in page


def test_the_table_tells_what_was_measured_and_what_was_not():
    row = Row("LeNet5", "jax", ".tflite int8", 0.0734, 0.961, 0.964, 0.997, 0.104)
    expected = ("LeNet5", "jax", ".tflite int8", "0.07", "96.1 %", "96.4 %", "99.7 %", "0.10")
    assert _report.cells(row) == expected
    none = Row("LeNet5", "jax", "SavedModel", 0.57, 0.961, None, None, None)
    assert _report.cells(none)[-3:] == ("-", "-", "-")


@pytest.mark.parametrize(
    "values, percent", [([0.5, 0.9], True), ([1.0], True), ([2.3, 0.01], False), ([0.0], False)]
)
def test_a_curve_stays_inside_its_chart(values, percent):
    svg = charts.line_chart("t", {"a": values}, percent=percent, width=400, height=200)
    points = re.search(r'points="([^"]*)"', svg)[1].split()
    assert len(points) == len(values)
    for point in points:
        x, y = map(float, point.split(","))
        assert 0 <= x <= 400 and 0 <= y <= 200


def test_a_curve_with_a_hole_is_drawn_without_it():
    svg = charts.line_chart("t", {"a": [0.5, float("nan"), 0.7]})
    assert len(re.search(r'points="([^"]*)"', svg)[1].split()) == 2
    assert "nan" not in svg


def test_every_count_of_the_confusion_matrix_is_shown():
    svg = charts.confusion(np.array([[30, 2], [0, 31]]), ["a", "b"])
    assert re.findall(r'<text class="cell[^>]*>(\d+)<', svg) == ["30", "2", "31"]
    assert "a taken for b: 2" in svg


@pytest.mark.parametrize(
    "number, text",
    [(61706, "61.7 k"), (3504872, "3.5 M"), (1.61e9, "1.61 G"), (5, "5"), (999, "999")],
)
def test_counts_read_short(number, text):
    assert _tables.count(number) == text


def test_a_folder_of_something_else_is_not_touched(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(SettingsError, match="give another --out"):
        demo.run(demo.Settings(out=str(tmp_path)))
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_an_earlier_demo_is_replaced(tmp_path):
    out = demo._empty(tmp_path / "demo")
    (out / "lenet5").mkdir()
    (out / "notes.txt").write_text("mine")
    assert demo._empty(out) == out
    assert not (out / "lenet5").exists()
    assert (out / "notes.txt").exists()
