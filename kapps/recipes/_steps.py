"""`kapps benchmark NAME --train`: an inference and a training step, against another network's."""

import json
import statistics
import sys

from kapps.errors import SettingsError


def measure(settings) -> dict:
    """Time, print, and return what was found.

    Args:
        settings: of `kapps benchmark`, with train=True.

    Returns:
        {"models": one dict a network, "against": comparison or None, "size", "batch_size"}. A
        network: "model", "backend", and for "inference" and "training" (of a batch) each {"ms"
        (median), "low", "high" (quartiles)}. A comparison: for both kinds {"ratio" (first / second,
        median over the turns), "low", "high"}.

    Raises:
        SettingsError: a setting that a step does not have, or a network that cannot be trained.
        MissingPackageError: timm is to be measured and is not installed.
    """
    for name in ("data", "weights"):
        if getattr(settings, name) is not None:
            raise SettingsError(f"{name} does not change the time of a training step; drop it.")
    if settings.threads != 1:
        raise SettingsError("threads is of .tflite and .onnx files; a training step takes all.")
    if settings.batch_size < 1:
        raise SettingsError(f"batch_size={settings.batch_size} is not possible; give 1 or more.")
    import keras

    from kapps.applications import named
    from kapps.training import stepping

    arguments = named.arguments_of(settings.arguments)
    size = _application(settings.model, arguments).spec.size if not settings.size else settings.size
    given = [("kapps", settings.model, arguments)]
    if settings.against:
        library, slash, name = settings.against.partition("/")
        if library in ("timm", "keras") and slash:
            given.append((library, name, {}))
        else:
            _application(settings.against, {})
            given.append(("kapps", settings.against, {}))
    names = " and ".join(name for name in (settings.model, settings.against) if name)
    print(f"timing {names}", file=sys.stderr, flush=True)
    sides = [
        stepping.Side(library, name, size, settings.batch_size, more)
        for library, name, more in given
    ]
    stepping.alternate(sides, settings.rounds)
    backend = keras.config.backend()
    models = [
        {
            "model": side.name,
            "backend": "torch" if library == "timm" else backend,
            **{kind: _times(side.times[kind]) for kind in stepping.KINDS},
        }
        for side, (library, _, _) in zip(sides, given, strict=True)
    ]
    comparison = None
    if settings.against:
        first, second = (side.times for side in sides)
        comparison = {kind: _ratio(first[kind], second[kind]) for kind in stepping.KINDS}
    result = {
        "models": models,
        "against": comparison,
        "size": size,
        "batch_size": settings.batch_size,
    }
    print(json.dumps(result, indent=2)) if settings.json else _print(result)
    return result


def quartiles(values: list[float]) -> tuple[float, float, float]:
    """(lower quartile, median, upper quartile)."""
    if len(values) == 1:
        return (values[0],) * 3
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def _application(name: str, arguments: dict):
    """The application of that name; SettingsError where it is a file."""
    from kapps.applications import named

    if named.is_path(name):
        raise SettingsError(f"{name} is a file; train=True times an application, see kapps list.")
    return named.bound(name, None, arguments)


def _times(seconds: list[float]) -> dict:
    low, middle, high = (1000 * value for value in quartiles(seconds))
    return {"ms": middle, "low": low, "high": high}


def _ratio(ours: list[float], theirs: list[float]) -> dict:
    low, middle, high = quartiles([a / b for a, b in zip(ours, theirs, strict=True)])
    return {"ratio": middle, "low": low, "high": high}


def _print(result: dict) -> None:
    from kapps.recipes import _tables

    rows = [
        (
            row["model"],
            row["backend"],
            *(
                text
                for kind in ("inference", "training")
                for text in (
                    f"{row[kind]['ms']:.1f}",
                    f"{row[kind]['low']:.1f} to {row[kind]['high']:.1f}",
                )
            ),
        )
        for row in result["models"]
    ]
    columns = ("model", "backend", ">inference ms", ">quartiles", ">training ms", ">quartiles")
    _tables.print_table(columns, rows)
    print(f"a step is {result['batch_size']} images of {result['size']}x{result['size']} pixels")
    if comparison := result["against"]:
        first, second = (row["model"] for row in result["models"])
        for kind, found in comparison.items():
            print(
                f"{kind}: {first} takes {found['ratio']:.2f} times as long as {second} "
                f"(quartiles {found['low']:.2f} to {found['high']:.2f})"
            )
