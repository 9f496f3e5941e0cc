"""No example rots: the Python of every page runs, and kapps takes every command line."""

import ast
import importlib.util
import json
import re
import sys
import types

import pytest

from kapps.applications import APPLICATIONS, FAMILIES, facts
from kapps.cli import JOBS, settings
from kapps.cli._words import HelpRequested, flag
from tests import docs_files
from tools.site import blocks as pages
from tools.site import notebooks

PAGES = pages.written()
SHELL = ("", "sh", "console")
MARKS = {p: {b.mark for b in pages.blocks(p) if b.language == "python"} for p in PAGES}
INLINE = re.compile(r"`kapps ((?:\w|-)+)([^`]*)`")


def name(page) -> str:
    return page.relative_to(pages.ROOT).as_posix()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    docs_files.make_files(folder)
    return folder


def run(page, marks, folder, monkeypatch):
    """Run the blocks of a page in their order, in one namespace, as a reader would."""
    monkeypatch.chdir(folder)
    chosen = [b for b in pages.blocks(page) if b.language == "python" and b.mark in marks]
    space = types.ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", space)
    if chosen:
        exec(docs_files.BEFORE.get(page.name, ""), space.__dict__)
    for block in chosen:
        code = "\n" * block.line + block.code  # so that a traceback has the line of the page
        exec(compile(code, name(page), "exec"), space.__dict__)


@pytest.mark.parametrize("page", [p for p in PAGES if "" in MARKS[p]], ids=name)
def test_the_python_of_a_page_runs(page, files, monkeypatch):
    run(page, ("",), files, monkeypatch)


@pytest.mark.sweep
@pytest.mark.parametrize("page", [p for p in PAGES if "sweep" in MARKS[p]], ids=name)
def test_all_the_python_of_a_page_runs(page, files, monkeypatch):
    run(page, ("", "sweep"), files, monkeypatch)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_what_a_page_does_not_run_has_a_reason(page):
    for block in pages.blocks(page):
        assert block.mark in ("", "sweep") or re.match(r"no, \w", block.mark), block
        if block.language == "python":
            ast.parse(block.code)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_the_commands_of_a_page_are_those_of_kapps(page):
    for block in pages.blocks(page):
        if block.language in SHELL:
            for words in pages.commands(block.code):
                check(words, f"{name(page)} line {block.line}")


def check(words, where):
    """Read a command line with the parser of its job, which must take it whole."""
    words = list(words)
    if words[0] == "--backend":
        del words[:2]
    job, *rest = words
    if job == "--help":
        return
    assert job in JOBS, f"{where}: there is no job {job!r}"
    module = importlib.import_module(f"kapps.recipes.{job}")
    try:
        settings.parse(module.Settings, rest, extra=("backend",))
    except HelpRequested:
        return
    except Exception as error:
        raise AssertionError(f"{where}: kapps {' '.join(words)}: {error}") from error


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_flags_in_the_text_are_those_of_the_job(page):
    for job, rest in INLINE.findall(page.read_text("utf-8")):
        assert job in JOBS or job.isupper() or not rest, f"{name(page)}: kapps {job}{rest}"
        if job in JOBS:
            fields = importlib.import_module(f"kapps.recipes.{job}").Settings.__dataclass_fields__
            known = {flag(field) for field in fields} | {
                "--config",
                "--backend",
                "--help",
                "--help-all",
            }
            known |= {f"--no-{field.replace('_', '-')}" for field in fields}
            for word in re.findall(r"(?<= )--[\w-]+", rest):
                assert word in known, f"{name(page)}: kapps {job}{rest}: there is no {word}"


def test_targets_and_extras_of_the_pages_exist():
    makefile = (pages.ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.M))
    setup = (pages.ROOT / "setup.py").read_text("utf-8")
    for page in PAGES:
        text = page.read_text("utf-8")
        for target in re.findall(r"^make ([a-z-]+)", text, re.M):
            assert target in targets, f"{name(page)}: make {target}"
        for extras in re.findall(r"kapps\[([\w,]+)\]", text):
            for extra in extras.split(","):
                assert f'"{extra}"' in setup, f"{name(page)}: kapps[{extra}]"
    told = (pages.ROOT / "docs/start/versions.md").read_text("utf-8")
    for extra in re.findall(r'^    "(\w+)": \[|^EXTRAS\["(\w+)"\]', setup, re.M):
        assert f"`{''.join(extra)}`" in told, f"docs/start/versions.md has not the extra {extra}"


def test_the_families_call_what_there_is():
    """Their blocks fetch weights, so that they are read and not run."""
    for family in FAMILIES:
        page = pages.ROOT / f"docs/families/{family}.md"
        (block,) = (b for b in pages.blocks(page) if b.language == "python")
        for node in ast.walk(ast.parse(block.code)):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "kapps.applications":
                assert node.attr in APPLICATIONS
            if isinstance(node, ast.keyword) and node.arg == "levels":
                (model,) = re.findall(r"applications\.(\w+)\.features", block.code)
                assert {str(n) for n in ast.literal_eval(node.value)} <= set(facts(model)["levels"])


def test_the_notebooks_are_their_pages():
    for page in notebooks.pages():
        text = notebooks.path(page).read_text("utf-8")
        assert text == notebooks.notebook(page), "run python -m tools.site.notebooks"
        first, *cells = json.loads(text)["cells"]
        assert "".join(first["source"]) == notebooks.INSTALL.strip()
        code = ["".join(cell["source"]).strip() for cell in cells if cell["cell_type"] == "code"]
        assert code == [b.code.strip() for b in pages.blocks(page) if b.language == "python"]


def test_a_notebook_says_what_to_do_where_pip_finds_no_kapps(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    magic = "%pip install -q"
    assert notebooks.INSTALL.count(magic) == 1
    cell = notebooks.INSTALL.replace(magic, "asked =")
    space: dict = {}
    exec(cell, space)
    assert space["asked"].startswith("{SOURCE}[tensorflow") and space["SOURCE"] == "kapps"
    (tmp_path / "kapps-0.1.0-py3-none-any.whl").touch()
    exec(cell, space)
    assert space["SOURCE"] == "kapps-0.1.0-py3-none-any.whl"
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="put its wheel"):
        exec(cell, space)


def test_every_page_is_in_the_menu():
    menu = (pages.ROOT / "mkdocs.yml").read_text("utf-8")
    for page in PAGES:
        if page.is_relative_to(pages.ROOT / "docs"):
            assert page.relative_to(pages.ROOT / "docs").as_posix() in menu, f"mkdocs.yml: {page}"
