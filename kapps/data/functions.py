"""A user's own function or class, named in a setting as `module:name`."""

import sys
from importlib import import_module
from pathlib import Path

from kapps.errors import SettingsError


def load(name: str, what: str):
    """What `name` means; modules of the current folder are found too.

    Args:
        name: "module:function", such as "losses:tversky".
        what: the setting, for the sentence of an error.

    Raises:
        SettingsError: no such module, nothing of that name in it, or nothing that can be called.
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
    return found
