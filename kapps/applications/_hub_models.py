"""A checkpoint of timm on the Hugging Face hub as an application, by what its config.json says."""

from typing import TYPE_CHECKING, Any

from kapps.applications._registry import find_application
from kapps.errors import WeightsError
from kapps.weights import hub

if TYPE_CHECKING:
    from kapps.applications._application import Application


def application_of(address: str) -> "Application":
    """The application with the weights, classes and normalisation of a repository as defaults.

    Args:
        address: "hf://owner/name", also with "@revision" and "/file".

    Raises:
        ValueError: no application is the same as its architecture.
        kapps.errors.KappsError: the repository could not be read, or was normalised in a way that
            has no name here.
    """
    config = hub.config(address)
    trained = config.get("pretrained_cfg") or {}
    model, tag = f"timm/{config['architecture']}", trained.get("tag")
    app = find_application(f"{model}.{tag}" if tag else model)
    arguments: dict[str, Any] = {"weights": address}
    classes = config.get("num_classes")
    if classes and classes != app.classes:
        arguments["classes"] = classes
    if "mean" in trained and "std" in trained:
        arguments["include_preprocessing"] = _normalisation(
            address, trained["mean"], trained["std"]
        )
    return app.bind(**arguments)


def _normalisation(address: str, mean: list[float], std: list[float]) -> str:
    """The name of a normalisation whose numbers are for pixels in [0, 1]."""
    from kapps.layers import PREPROCESSING

    wanted = [255 * value for value in (*mean, *std)]
    for name, known in PREPROCESSING.items():
        numbers = (*known.mean, *known.std)
        if len(numbers) == len(wanted) and all(
            abs(ours - theirs) < 0.01 for ours, theirs in zip(numbers, wanted, strict=True)
        ):
            return name
    raise WeightsError(
        f"{address} was trained with mean {mean} and std {std}, for which there is no name here; "
        "normalise yourself and call the application with include_preprocessing=False."
    )
