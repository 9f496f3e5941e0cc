"""Every architecture, called the same way; Keras is imported with the first one that is used."""

from importlib import import_module

from kapps.applications._families import ALIASES, APPLICATIONS, FAMILIES
from kapps.applications._registry import facts, find_application, get, list_models, task_of

OWN = ("Application", "Flavor")  # what a family of one's own is written with
__all__ = ["FAMILIES", "facts", "find_application", "get", "list_models", "task_of"]
__all__ += [*OWN, *APPLICATIONS]


def __getattr__(name: str):
    if name in APPLICATIONS:
        return get(name)
    if name in OWN:
        return getattr(import_module("kapps.applications._application"), name)
    if name in FAMILIES or name in ALIASES or name == "imagenet_utils":
        return import_module(f"kapps.applications.{name}")
    raise AttributeError(f"module 'kapps.applications' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *FAMILIES, *ALIASES, *globals()})
