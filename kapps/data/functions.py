"""A user's own function or class, named in a setting as `module:name`."""

import inspect
import sys
from importlib import import_module
from pathlib import Path

from kapps.errors import SettingsError


def load(name: str, what: str, takes: tuple[str, ...] = ()):
    """What `name` means; modules of the current folder are found too.

    Args:
        name: "module:function", such as "losses:tversky".
        what: the setting, for the sentence of an error.
        takes: what it is called with, in words; () where that is not checked.

    Raises:
        SettingsError: no such module, nothing of that name in it, nothing that can be called, or
            not with so many arguments.
    """
    module, _, attribute = name.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:  # the command `kapps` starts without it
        sys.path.append(here)
    try:
        found = getattr(import_module(module), attribute)
    except ImportError as error:
        raise SettingsError(
            f"{what}={name!r}: the module {module!r} cannot be imported from {here}: {error}."
        ) from error
    except AttributeError as error:
        raise SettingsError(f"{what}={name!r}: {module} has no {attribute!r}.") from error
    if not callable(found):
        raise SettingsError(f"{what}={name!r} is a {type(found).__name__}; expected a function.")
    if takes and not _fits(found, len(takes)):
        raise SettingsError(
            f"{what}={name!r} is called with ({', '.join(takes)}), which {attribute} does not take."
        )
    return found


def _fits(function, count: int) -> bool:
    """Whether it can be called with so many arguments, as far as Python can tell."""
    try:
        signature = inspect.signature(function)
    except ValueError:  # of a builtin
        return True
    try:
        signature.bind(*range(count))
    except TypeError:
        return False
    return True
