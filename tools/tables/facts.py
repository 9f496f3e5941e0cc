"""kapps/applications/_facts.json and __init__.pyi: what is known of every application.

Facts come from the networks themselves. A family is computed again when a source that its networks
are built from has changed; `digest` tells.
"""

import ast
import contextlib
import hashlib
import json
import math
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from importlib import import_module
from pathlib import Path
from unittest import mock

import kapps
from kapps.applications import FAMILIES, OWN

ROOT = Path(__file__).parents[2]
# What every family imports and no network depends on: names, files of weights, messages.
LEFT_OUT = ("kapps.weights", "kapps.errors", "kapps.files", "kapps.applications._registry")
LEFT_OUT += ("kapps.applications._families", "kapps.applications._documentation")


def of(name: str) -> dict:
    """The row of one application, computed from the network itself."""
    import keras

    from kapps.applications._graph import level_layers
    from kapps.inspect import count_macs

    keras.backend.clear_session()
    app = kapps.applications.get(name)
    with shapes_alone():
        # The references count those that were published without a classifier with one, too.
        model = app(weights=None, classes=app.classes or 1000)
    module = import_module(app.__module__)
    return {
        "name": name,
        "family": app.family,
        "size": app.size,
        "channels": app.channels,
        "classes": app.classes,
        "params": sum(math.prod(v.shape) for v in model.trainable_variables),
        "macs": count_macs(model),
        "flavors": list(app.flavor_names),
        "arguments": app.spec.arguments,
        "levels": {str(level): name for level, name in level_layers(model, app.stages).items()},
        "references": [
            {"name": r.name, "flavor": r.flavor, "arguments": dict(r.arguments)}
            for r in app.references
        ],
        "paper": " ".join(module.__doc__.partition("\n\n")[0].split()),
    }


def of_all(names: list[str]) -> dict[str, dict]:
    """The rows of many applications, computed by as many processes as there are cores."""
    context = multiprocessing.get_context("spawn")  # a backend does not survive a fork
    with ProcessPoolExecutor(mp_context=context) as pool:
        return dict(zip(names, pool.map(of, names), strict=True))


@contextlib.contextmanager
def shapes_alone():
    """Networks are built of variables that have a shape and no memory, as torch can make them."""
    import keras
    import torch

    from kapps.layers import initializers

    def drawn(_seed, shape, _fill):
        return torch.empty(shape, device="meta")

    with keras.device("meta"), mock.patch.object(initializers, "_drawn", drawn):
        yield


def text(rows: list[dict]) -> str:
    """One application a line, so that a change is one line of the diff."""
    lines = ",\n".join(json.dumps(row) for row in rows)
    return f"[\n{lines}\n]\n"


def stub() -> str:
    """Type stub of kapps.applications: the lazy names, spelt out."""
    lines = ["# Written by tools/update_tables.py.", "# ruff: noqa: I001"]
    for family, names in FAMILIES.items():
        lines.append(f"from kapps.applications import {family} as {family}")
        lines += [_imported(f"kapps.applications.{family}", name) for name in names]
    lines.append("from kapps.applications._families import FAMILIES as FAMILIES")
    for name in ("facts", "find_application", "get", "list_models", "task_of"):
        lines.append(f"from kapps.applications._registry import {name} as {name}")
    for name in OWN:
        lines.append(f"from kapps.applications._application import {name} as {name}")
    return "\n".join(lines) + "\n"


def _imported(module: str, name: str) -> str:
    """A line of the stub, in the form that `ruff format` gives it."""
    line = f"from {module} import {name} as {name}"
    return line if len(line) <= 100 else f"from {module} import (\n    {name} as {name},\n)"


def digest(family: str) -> str:
    """Of the names of a family and of every source that its networks are built from."""
    seen: set[str] = set()
    waiting = [f"kapps.applications.{family}"]
    while waiting:
        module = waiting.pop()
        if module not in seen:
            seen.add(module)
            waiting += _imports(module)
    content = hashlib.sha256(" ".join(FAMILIES[family]).encode())
    for module in sorted(seen):
        content.update(_path(module).read_bytes())
    return content.hexdigest()[:16]


def docstring(family: str) -> str:
    """Of its module, which is not imported."""
    return ast.get_docstring(ast.parse(_path(f"kapps.applications.{family}").read_text("utf-8")))


def _path(module: str) -> Path:
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def _imports(module: str) -> tuple[str, ...]:
    """The modules of kapps that a module takes names from; a package only passes them on."""
    found = []
    for node in ast.walk(ast.parse(_path(module).read_text("utf-8"))):
        if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("kapps"):
            continue
        for alias in node.names:
            target = f"{node.module}.{alias.name}"
            if not _path(target).exists():
                target = _home(node.module, alias.name)
            if _path(target).exists() and not target.startswith(LEFT_OUT):
                found.append(target)
    return tuple(found)


def _home(package: str, name: str) -> str:
    """The module from which a package's __init__ has a name, or the package itself."""
    path = _path(package)
    if path.name == "__init__.py":
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ImportFrom) and name in [alias.name for alias in node.names]:
                return node.module
    return package
