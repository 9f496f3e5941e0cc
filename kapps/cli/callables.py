"""Functions of the user, named in a setting as `module:function`."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

from kapps.errors import SettingsError


def load(name: str) -> Callable:
    """Import what a setting names.

    The module is looked for among the installed packages, then in the folder where the command is
    given. Its code runs, so name only what you trust.

    Args:
        name: "module:function", such as "mine:speckle" for `def speckle` in mine.py, or
            "package.module:function".

    Raises:
        SettingsError: not of this form, no such module or function, or it cannot be called.
    """
    module, colon, function = name.partition(":")
    if not colon or not all(module.split(".")) or not function.isidentifier():
        raise SettingsError(f"{name!r} is not of the form module:function, such as mine:speckle.")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module and not module.startswith(f"{error.name}."):
            raise  # the module is there and lacks something itself
        raise SettingsError(
            f"{name!r}: no module {module!r} is installed or in the folder {here}."
        ) from None
    chosen = getattr(found, function, None)
    if chosen is None:
        raise SettingsError(f"{name!r}: {found.__file__} has no {function!r}.")
    if not callable(chosen):
        raise SettingsError(f"{name!r} is a {type(chosen).__name__}, not a function.")
    return chosen
