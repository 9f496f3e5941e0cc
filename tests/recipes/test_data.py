"""`kapps data`: what it prints, what it returns, what it refuses."""

import json

import pytest

from kapps.cli.settings import parse
from kapps.data import find
from kapps.errors import SettingsError
from kapps.recipes import data
from tests.data import pictures


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    pictures.write_class_folders(folder, {"cat": 6, "dog": 4})
    return folder


def run(*words):
    return data.run(parse(data.Settings, [str(word) for word in words]))


def test_shard(photos, tmp_path, capsys):
    (photos / "cat" / "empty.jpg").touch()
    out = tmp_path / "shards"
    result = run("shard", photos, "--out", out, "--pictures", 4)
    (photos / "cat" / "empty.jpg").unlink()
    assert result["parts"]["all"]["pictures"] == 10 and result["parts"]["all"]["shards"] == 3
    *_, count, following, last = capsys.readouterr().out.splitlines()
    assert count == "3 shards written" and last == str(out)
    assert following.startswith("next: kapps train") and following.endswith(f"shards:{out}")
    again = run("shard", f"shards:{out}", "--out", tmp_path / "again", "--json")
    assert json.loads(capsys.readouterr().out) == again
    assert len(find(f"shards:{tmp_path / 'again'}").parts["all"]) == 10


def test_check_counts_errors_for_the_status(tmp_path, capsys):
    """0 with notes and warnings alone; see `settings.main`."""
    from PIL import Image

    from kapps.cli.settings import main

    for number, name in enumerate(("cat", "dog")):
        (tmp_path / name).mkdir()
        for i in range(4):  # each a colour, which is a warning
            colour = (60 * i, 80 * number, 200)
            Image.new("RGB", (40, 40), colour).save(tmp_path / name / f"{i}.png")
    words = ["check", str(tmp_path)]
    assert main(data.Settings, data.run, words) == 0
    assert "warning: " in capsys.readouterr().out
    (tmp_path / "dog" / "empty.jpg").touch()
    assert main(data.Settings, data.run, words) == 1
    out = capsys.readouterr().out
    assert "empty.jpg" in out and out.endswith("next: cure the 1 errors, then check again\n")
    assert main(data.Settings, data.run, [*words, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["errors"] == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("shard",), "--out is missing: the folder to write"),
        (("shard", "--out", "x", "--pictures", "0"), "pictures=0 is not a whole number above 0"),
        (("shard", "--out", "x", "--seed", "-1"), "seed=-1 is not a whole number from 0"),
    ],
)
def test_settings_out_of_range(photos, words, sentence):
    with pytest.raises(SettingsError, match=sentence):
        run(words[0], photos, *words[1:])
