from pathlib import Path

import pytest

import kapps.recipes
from kapps.cli.settings import parse
from kapps.recipes import finetune, train

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
