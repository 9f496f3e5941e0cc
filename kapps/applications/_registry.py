"""Which applications exist and what is known of them, without importing Keras."""

import fnmatch
import json
from functools import cache
from importlib import import_module
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from kapps.applications._families import APPLICATIONS, FAMILIES, TASKS
from kapps.errors import did_you_mean
from kapps.weights import catalog, hub

if TYPE_CHECKING:
    from kapps.applications._application import Application


def get(name: str) -> "Application":
    """The application of that name, here or, as in "timm/mobilenetv2_100", elsewhere.

    Raises:
        ValueError: there is none; the sentence names the closest ones.
    """
    if "/" in str(name):
        return find_application(name)
    _check(name)
    return getattr(import_module(f"kapps.applications.{APPLICATIONS[name]}"), name)


def task_of(name: str) -> str:
    """What an application answers: "classification", "detection", "segmentation" or "prompting".

    Raises:
        ValueError: there is no such application; the sentence names the closest ones.
    """
    _check(name)
    family = APPLICATIONS[name]
    return next((t for t, families in TASKS.items() if family in families), "classification")


def _check(name: str) -> None:
    if name not in APPLICATIONS:
        lower = {known.lower(): known for known in APPLICATIONS}
        hint = did_you_mean(lower.get(str(name).lower(), str(name)), APPLICATIONS)
        raise ValueError(f"there is no application {name!r}{hint or '; see kapps list'}")


@cache
def _table() -> dict[str, dict[str, Any]]:
    """The generated facts; `tools/update_tables.py` writes them, a test recomputes them."""
    rows = json.loads(files("kapps.applications").joinpath("_facts.json").read_text("utf-8"))
    return {row["name"]: row for row in rows}


def facts(name: str) -> dict[str, Any]:
    """What is known of an application without building it.

    Returns:
        {"name", "family", "task", "size", "params", "macs", "flavors", "levels", "references",
        "paper"}; params and macs with the default arguments and size (1000 classes for networks
        that were published without a classifier), macs in multiply-accumulates.

    Raises:
        ValueError: there is no such application; the sentence names the closest ones.
    """
    return {**_table()[name], "task": task_of(name)}


def list_models(
    pattern: str | None = None,
    *,
    family: str | None = None,
    task: str | None = None,
    weights: bool | str | None = None,
    max_params: int | None = None,
    max_macs: int | None = None,
    min_size: int | None = None,
    max_size: int | None = None,
) -> list[str]:
    """Names of the applications that match every condition given, in the order of the families.

    Args:
        pattern: shell wildcards, case-insensitive: "mobilenet*", "*lite*".
        family: a module of `kapps.applications`.
        task: "classification", "detection", "segmentation", or "prompting": masks of what points
            and boxes tell.
        weights: True for any published weights, False for none, or a tag such as "imagenet".
        max_params, max_macs: limits with the default arguments.
        min_size, max_size: limits of the default input size in pixels.

    Raises:
        ValueError: no such family or task.
    """
    if family is not None and family not in FAMILIES:
        hint = did_you_mean(family, FAMILIES) or f"; the families are {', '.join(FAMILIES)}"
        raise ValueError(f"family={family!r} does not exist{hint}")
    if task is not None and task not in ("classification", *TASKS):
        hint = did_you_mean(task, ("classification", *TASKS))
        known = f"; the tasks are classification, {', '.join(TASKS)}"
        raise ValueError(f"task={task!r} does not exist{hint or known}")
    found = []
    for row in _table().values():
        tags = catalog.tags(row["name"])
        if (
            (pattern is None or fnmatch.fnmatch(row["name"].lower(), pattern.lower()))
            and (family is None or row["family"] == family)
            and (task is None or task_of(row["name"]) == task)
            and (
                weights is None
                or (weights in tags if isinstance(weights, str) else weights == bool(tags))
            )
            and (max_params is None or row["params"] <= max_params)
            and (max_macs is None or row["macs"] <= max_macs)
            and (min_size is None or row["size"] >= min_size)
            and (max_size is None or row["size"] <= max_size)
        ):
            found.append(row["name"])
    return found


def find_application(name: str) -> "Application":
    """The application that is called `name` elsewhere, with the arguments that make it the same.

    Args:
        name: "library/model", such as "timm/mobilenetv2_100", "keras/MobileNetV2" or
            "torchvision/mobilenet_v2"; a tag may follow, as in "timm/mobilenetv2_100.ra_in1k",
            and is then bound as `weights`. "hf://owner/name" is a checkpoint of timm on the Hugging
            Face hub, whose config.json says which network it is and of how many classes.

    Returns:
        The application with flavor and arguments bound as defaults, and its weights: those of the
        tag, otherwise the first ones for that flavor and those arguments, or None.

    Raises:
        ValueError: no application refers to that name; the sentence names the closest ones.
        kapps.errors.KappsError: the repository on the hub could not be read.
    """
    if name.startswith(hub.SCHEME):
        from kapps.applications import _hub_models

        return _hub_models.application_of(name)
    model, _, tag = name.partition(".")
    known = {}
    for row in _table().values():
        for reference in row["references"]:
            known[reference["name"]] = (row["name"], reference)
    # A tag may name another network than its model alone: "timm/convnext_tiny.dinov3_lvd1689m".
    key = name if name in known else model
    if key not in known:
        hint = did_you_mean(name, known) or (
            "; names are written library/model, such as 'timm/mobilenetv2_100'"
        )
        raise ValueError(f"no application is the same as {name!r}{hint}")
    application, reference = known[key]
    app, flavor = get(application), reference["flavor"]
    arguments = facts(application)["arguments"] | reference["arguments"]
    library = name.partition("/")[0]
    bound = {"flavor": flavor, **reference["arguments"]}
    bound["weights"] = name if tag else catalog.default(application, flavor, arguments, library)
    row = catalog.checkpoint_of(application, bound["weights"], flavor, arguments)
    if row and row.preprocessing != app.flavors[flavor].preprocessing:
        bound["include_preprocessing"] = row.preprocessing
    if row and row.classes and not app.classes:  # others published it without a classifier
        bound["classes"] = row.classes
    return app.bind(**bound)
