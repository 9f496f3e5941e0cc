"""`kapps compare`: traits of networks side by side, and the Pareto front."""

import json

import pytest

from kapps.recipes import _tables, compare
from kapps.reports import labels, tradeoff


def told(*names, **settings):
    return compare.run(compare.Settings(names, **settings))


def test_the_front_is_what_nothing_beats():
    points = {"a": (1, 0.5), "b": (2, 0.7), "c": (3, 0.6), "d": (3, 0.7), "e": (9, 0.9)}
    assert tradeoff.front(points) == ["a", "b", "e"]
    assert tradeoff.front({"x": (1, 0.5), "y": (1, 0.5)}) == ["x", "y"]  # neither is better


def test_names_stand_clear_of_each_other_of_points_and_of_lines():
    """Ten points, close together as the networks of a year are, on a line and below it."""
    at = [(60 + 36 * i, 140 - 8 * i) for i in range(5)]
    at += [(70 + 37 * i, 150 - 7 * i) for i in range(5)]
    points = {f"SomeNetwork_{i}": place for i, place in enumerate(at)}
    lines = list(zip(at[:5], at[1:5], strict=False))
    frame = labels.Box(50, 34, 460, 258)
    found = labels.placed(points, frame, lines)
    assert found == labels.placed(dict(reversed(points.items())), frame, lines)
    assert list(found) == list(points)
    boxes = [label.box for label in found.values()]
    for i, box in enumerate(boxes):
        left, top, right, bottom = box.left, box.top, box.right, box.bottom
        assert left >= 50 and right <= 460 and top >= 34 and bottom <= 258
        for other in boxes[:i]:
            assert (
                left >= other.right
                or other.left >= right
                or top >= other.bottom
                or other.top >= bottom
            )
        assert not [p for p in at if left < p[0] < right and top < p[1] < bottom]
        for (x, y), (to_x, to_y) in lines:
            on = [(x + (to_x - x) * s / 50, y + (to_y - y) * s / 50) for s in range(51)]
            assert not [p for p in on if left < p[0] < right and top < p[1] < bottom]


def test_a_table_of_many_networks_cuts_no_name(capsys, monkeypatch):
    monkeypatch.setattr(_tables, "WIDE", 70)
    told("LeNet1", "LeNet5", "MLP", "Perceptron")
    text = capsys.readouterr().out
    assert "…" not in text and text.count("multiply-adds") == 2
    assert all(name in text for name in ("LeNet1", "LeNet5", "MLP", "Perceptron"))


def test_two_networks_of_lecun(capsys):
    found = told("LeNet1", "LeNet5")
    five = found["models"]["LeNet5"]
    # LeCun et al. (1998), section II.B: C1, C3, C5 of 5x5, F6 and the output.
    assert five["kernels"] == "5x5 (3)" and five["layers with weights"] == 5
    assert five["parameters"] == 61_706 and five["widths"] == "6, 16"
    text = capsys.readouterr().out
    assert "61,706" in text and "the same in all" in text
    assert found["fronts"] == {}  # nothing is published for either


def test_a_page_with_the_front(tmp_path, capsys, monkeypatch):
    shares = {"LeNet1": 0.983, "LeNet5": 0.9905, "MLP": 0.953}

    def measured(name):
        return {"accuracy": shares[name], "measure": "top-1", "of": "mnist"}

    monkeypatch.setattr(compare, "_accuracy", measured)
    found = told(*shares, json=True, save=str(tmp_path / "nets.html"))
    assert found["fronts"]["parameters"] == ["LeNet1", "LeNet5"]  # the MLP has most parameters
    assert json.loads(capsys.readouterr().out)["models"]["MLP"]["kernels"] == ""
    page = (tmp_path / "nets.html").read_text("utf-8")
    assert page.count("<svg") == 2 and "LeNet5" in page
    told(*shares, save=str(tmp_path / "nets.svg"))
    assert (tmp_path / "nets.svg").read_text("utf-8").count("<circle") == 3


def test_the_accuracy_is_that_of_the_default_arguments():
    # Sandler et al. (2018), table 4: 72.0 for MobileNetV2 at width 1; Keras's file has 71.3.
    assert compare._accuracy("MobileNetV2")["accuracy"] == pytest.approx(0.713, abs=0.002)
    assert compare._accuracy("LeNet5")["accuracy"] is None


@pytest.mark.parametrize(
    "names, settings, sentence",
    [
        (["LeNet5"], {}, "nothing to compare"),
        (["LeNet5", "LeNet5"], {}, "twice"),
        (["LeNet1", "LeNet5"], {"save": "x.png"}, "give a .html or .svg"),
        (["LeNet1", "LeNet5"], {"rounds": 0}, "rounds=0"),
    ],
)
def test_what_cannot_be_compared_is_refused(names, settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        told(*names, **settings)
