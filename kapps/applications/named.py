"""An application as a command names it: with weights and arguments that were typed as words."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kapps.applications._registry import get
from kapps.errors import MissingFileError, SettingsError, WeightsError

if TYPE_CHECKING:
    from kapps.applications._application import Application


def arguments_of(words: tuple[str, ...]) -> dict[str, Any]:
    """The keyword arguments in words such as "alpha=0.5"; values are read as YAML.

    Raises:
        SettingsError: a word without "=", or a value that is none.
    """
    import yaml

    result = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.isidentifier():
            raise SettingsError(f"arguments={word!r} is not name=value, such as alpha=0.5.")
        try:
            result[name] = yaml.safe_load(value)
        except yaml.YAMLError as error:  # also of what a comma cut in two
            raise SettingsError(f"arguments={word!r}: {value!r} is not a YAML value.") from error
    return result


def is_path(name: str) -> bool:
    """Whether a model setting means a path: a run folder or a file, not an application.

    Raises:
        MissingFileError: it looks like a path and nothing is there.
    """
    path = Path(name)
    if path.exists():
        return True
    if path.suffix in (".keras", ".tflite", ".h5") or name.startswith((".", "/", "~")):
        raise MissingFileError(f"there is no model file {name}; check the path.")
    return False


def refuse_for_path(name: str, weights: str | None, arguments: Mapping[str, Any] | None) -> None:
    """Raise SettingsError where an application's weights or arguments are given for a file."""
    if weights is not None:
        said = f"weights={weights!r}"
    elif arguments:
        said = "arguments='{}={}'".format(*next(iter(arguments.items())))
    else:
        return
    raise SettingsError(
        f"{said} has no effect on {name}, which is a model already; drop it, or give the name of "
        "an application."
    )


def bound(name: str, weights: str | None, arguments: Mapping[str, Any] | None) -> "Application":
    """The application `name` with other weights and arguments as its defaults.

    Args:
        name: of an application, here or elsewhere.
        weights: tag or file; None for the application's own.
        arguments: of the application.

    Raises:
        SettingsError: an argument that it does not have, or weights given twice.
        ValueError: there is no such application, or an argument has no meaning.
    """
    app, arguments = get(name), dict(arguments or {})
    if weights is not None:
        if "weights" in arguments:
            raise SettingsError(
                f"weights={weights!r} and arguments='weights={arguments['weights']}' say the same; "
                "drop one."
            )
        arguments["weights"] = weights
    try:
        return app.bind(**arguments)
    except TypeError as error:
        raise SettingsError(f"{error}.") from error


def below(app: "Application") -> "Application | None":
    """The application that a detector or segmenter is built on; None where there is none."""
    given = app.__signature__.parameters
    name = given["backbone"].default if "backbone" in given else getattr(app, "backbone", None)
    return get(name) if isinstance(name, str) else None


def refuse_random(app: "Application", alone: bool = False) -> None:
    """Raise ValueError where nothing of `app` has weights, so that it has learnt nothing.

    Args:
        app: an application.
        alone: whether weights of the network below it are not enough, as for answers.
    """
    given = app.__signature__.parameters
    base = None if alone else below(app)
    if base is not None and (given["backbone_weights"].default or app.backbone_tag):
        return
    if given["weights"].default is None:
        raise ValueError(
            f"{app.name} has no published weights; give a file of them with --weights, a run "
            "folder or a model file."
        )


def published(app: "Application", body: bool = False) -> tuple[str, Any]:
    """Whose weights `app` has by default: the network's name, and what its `weights` names.

    Args:
        app: an application.
        body: whether one without weights gets those of the network below it, as in fine-tuning.

    Returns:
        (name, row of the catalog, file or address), or (name, None) for random weights.
    """
    from kapps.applications import _dense_graph, _loading

    a = {name: parameter.default for name, parameter in app.__signature__.parameters.items()}
    base = below(app)
    if base is not None:
        tag = a["backbone_weights"] or (app.backbone_tag if body else None)
        app, a = app.resolved(a)
        if a["weights"] is None and tag is not None:
            flavor = _dense_graph.backbone_flavor(app, a)
            return published(base.bind(weights=tag, flavor=flavor, **app.backbone_arguments))
    return app.name, None if a["weights"] is None else _loading.find_checkpoint(app, a)


def build_classifier(app: "Application"):
    """The model of `app`, whose classifier must be that of its weights.

    Raises:
        WeightsError: the weights have a classifier of other classes, or none, so that the model's
            would have been random.
    """
    model = app()
    report = getattr(model, "load_report", None)
    if report is None or not any(new.startswith("predictions/") for new in report.new):
        return model
    classes = model.output_shape[-1]
    if report.classes is None:
        raise WeightsError(
            f"{report.source} has no classifier; fine-tune {app.name} with it first."
        )
    raise WeightsError(
        f"{report.source} has a classifier of {report.classes} classes, not {classes}; add "
        f"--arguments classes={report.classes}."
    )
