"""The packages that people install: complete, and enough without the repository."""

import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.sweep
ROOT = Path(__file__).parents[1]
LEFT_OUT = ("__pycache__", "*.pyc", "*.egg-info")
PARTS = ("kapps", "README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff", "MANIFEST.in")
PARTS += ("setup.py", "pyproject.toml")


def files(folder: Path) -> set[str]:
    """What belongs to the package, as a checkout has it."""
    found = (p.relative_to(folder.parent) for p in folder.rglob("*") if p.is_file())
    return {p.as_posix() for p in found if not {"__pycache__"} & set(p.parts)}


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """(wheel, source package), built from a copy, with setuptools as `python -m build` calls it."""
    folder = tmp_path_factory.mktemp("dist")
    source = folder / "source"
    source.mkdir()
    for name in PARTS:
        if (ROOT / name).is_dir():
            ignore = shutil.ignore_patterns(*LEFT_OUT)
            shutil.copytree(ROOT / name, source / name, ignore=ignore)
        else:
            shutil.copy(ROOT / name, source / name)
    code = "from setuptools import build_meta as b; b.build_sdist('..'); b.build_wheel('..')"
    subprocess.run([sys.executable, "-c", code], cwd=source, check=True, capture_output=True)
    return next(folder.glob("*.whl")), next(folder.glob("*.tar.gz"))


def test_both_have_every_file_and_nothing_else(packages):
    wheel, source = packages
    mine = files(ROOT / "kapps")
    assert "kapps/py.typed" in mine and "kapps/applications/__init__.pyi" in mine
    names = zipfile.ZipFile(wheel).namelist()
    assert {name for name in names if name.startswith("kapps/")} == mine
    assert [name for name in names if name.endswith("licenses/LICENSE")]
    with tarfile.open(source) as archive:
        unpacked = {m.name.partition("/")[2] for m in archive.getmembers() if m.isfile()}
    assert mine <= unpacked and {"LICENSE", "README.md", "CHANGELOG.md"} <= unpacked
    assert not [name for name in unpacked if name.startswith(("tests/", "docs/", "tools/"))]


@pytest.fixture(scope="module")
def installed(packages, tmp_path_factory):
    """The python of an environment that has the wheel and what it needs, without any extra."""
    folder = tmp_path_factory.mktemp("fresh")
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, packages[0]], check=True, cwd=folder, env=alone())
    return python


def alone() -> dict[str, str]:
    """The environment without what would lead to the repository."""
    return {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "KERAS_BACKEND")}


def run(python, *words, **arguments):
    options = {"cwd": python.parent, "env": alone(), "capture_output": True, "text": True}
    return subprocess.run([python, *words], **(options | arguments))


def test_it_works_without_the_repository_and_without_extras(installed):
    where = run(installed, "-c", "import kapps; print(kapps.__file__)", check=True).stdout
    assert "site-packages" in where
    listed = run(installed, "-m", "kapps", "list", "MobileNet*", check=True).stdout
    assert "MobileNetV2" in listed
    assert "arXiv:1801.04381" in run(installed, "-m", "kapps", "info", "MobileNetV2").stdout
    assert "resnet50_a1" in run(installed, "-m", "kapps", "recipes", check=True).stdout
    for job in ("train", "finetune", "export", "predict"):
        assert run(installed, "-m", "kapps", job, "--help").returncode == 0
    words = ("--backend", "jax", "train", "--data", "digits", "--model", "LeNet5", "--out", "run")
    asked = run(installed, "-m", "kapps", *words)
    assert asked.returncode == 2 and "pip install 'kapps[jax]'" in asked.stderr


def test_the_source_package_installs_as_well(installed, packages):
    words = ("-m", "pip", "install", "-q", "--force-reinstall", "--no-deps", packages[1])
    run(installed, *words, check=True)
    assert run(installed, "-m", "kapps", "--version", check=True).stdout.startswith("kapps 0.1")
    assert run(installed, "-m", "kapps", "list", "LeNet*").stdout.count("LeNet") >= 2
