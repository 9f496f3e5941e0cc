from pathlib import Path

import pytest

import kapps.recipes
from kapps.cli.settings import parse
from kapps.errors import SettingsError
from kapps.recipes import finetune, recipes, train

CONFIGS = sorted((Path(kapps.recipes.__file__).parent / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_shipped_configuration_is_what_its_header_says(path):
    """The command of the header parses, and names this very file."""
    header = [line for line in path.read_text("utf-8").splitlines() if line.startswith("#")]
    (command,) = (line.strip("# ") for line in header if "--config" in line)
    program, job, *words = command.split()
    assert program == "kapps"
    settings = {"train": train, "finetune": finetune}[job].Settings
    assert parse(settings, words).out == f"runs/{path.stem}"
    assert path.stem in words
    assert any("Measured" in line for line in header)


def test_the_list_tells_name_job_and_source(capsys):
    found = {row["name"]: row for row in recipes.run(recipes.Settings())}
    assert set(found) == {path.stem for path in CONFIGS}
    assert found["lenet5_digits"]["job"] == "train"
    assert "lenet5_digits" in capsys.readouterr().out
    recipes.run(recipes.Settings("lenet5_digits"))
    assert capsys.readouterr().out == Path(found["lenet5_digits"]["path"]).read_text("utf-8")
    with pytest.raises(SettingsError, match="'lenet5_digit' is not there; did you mean 'lenet5_"):
        recipes.run(recipes.Settings("lenet5_digit"))
