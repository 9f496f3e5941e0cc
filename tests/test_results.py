"""docs/results.md: written from what was measured, by rules that are checked here."""

import json

import pytest
from PIL import Image

from tools.results import __main__ as results
from tools.results import experiment
from tools.results.experiment import Experiment

ROW = {"commands": ["kapps train a", "kapps evaluate b"], "day": "2026-01-02", "machine": "M"}


def test_the_page_is_what_was_measured():
    measured = json.loads(results.MEASURED.read_text("utf-8"))
    assert results.PAGE.read_text("utf-8") == results.page(measured)


def test_a_section_has_mean_spread_seconds_and_commands():
    shown = Experiment(
        "Title", "About.", {"one": None, "two": None, "not yet": None}, lambda m: f"{m['one']}"
    ).show(
        {
            "one": {
                "10": {"accuracy": 0.75, "seconds": 10, **ROW, "commands": ["kapps later"]},
                "0": {"accuracy": 0.5, "seconds": 21, **ROW},
            },
            "two": {"0": {"accuracy": 0.125, "bytes": 2_500_000, **ROW}},
        }
    )
    lines = shown.splitlines()
    assert lines[:3] == ["## Title", "", "About."]
    assert lines[4] == "|  | seeds | accuracy | seconds | file, MB |"
    assert lines[6] == "| one | 0, 10 | 62.50% (50.00% to 75.00%) | 16 |  |"
    assert lines[7] == "| two | 0 | 12.50% |  | 2.50 |"
    assert lines[9] == "{'accuracy': 0.625, 'seconds': 15.5} Not measured yet: not yet."
    assert lines.count("    kapps train a") == 2 and "    kapps later" not in lines
    assert lines[-1] == "Measured 2026-01-02: M."


@pytest.mark.parametrize(("found", "missed"), [(0.98996, False), (0.9899, True), (0.99, False)])
def test_a_missed_goal_is_said(found, missed):
    """Judged as it is written, with two digits."""
    assert ("missed" in experiment.reached("It", found, 0.99)) is missed


@pytest.mark.sweep
def test_the_plain_script_trains_the_network_of_the_paper(tmp_path, monkeypatch, capsys):
    """0.27 M in its table 6: convolutions 267,696, two of each of 688 channels, classifier 650."""
    import kapps
    from tools.results import plain_cifar10

    for part in ("train", "test"):
        for name in "ab":
            (tmp_path / part / name).mkdir(parents=True)
            for number in range(4):
                picture = Image.new("RGB", (32, 32), "red" if name == "a" else "blue")
                picture.save(tmp_path / part / name / f"{number}.png")
    monkeypatch.setattr("sys.argv", ["plain_cifar10", str(tmp_path), "1", "2", "0.01", "0"])
    plain_cifar10.main()
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said["accuracy"] in (0.0, 0.5, 1.0)
    still = 2 * 688  # means and variances
    assert said["parameters"] == 267_696 + 2 * 688 + 650 + still
    assert said["parameters"] == kapps.applications.ResNet20(weights=None).count_params()
