"""The errors that kapps raises on purpose: one sentence, printed without a traceback."""

import difflib
import typing


class KappsError(Exception):
    """Something the user can put right: the message names the value, what was expected, the fix.

    A subclass also inherits the builtin that a caller would expect to catch, such as ValueError.
    """


class SettingsError(KappsError, ValueError):
    """A setting of a job is unknown, missing, or has the wrong type or value."""


class WeightsError(KappsError, ValueError):
    """Weights that are unknown, damaged, or do not fit the model."""


class DownloadError(KappsError, RuntimeError):
    """A file that could not be fetched: no network, a server that refuses, a wrong hash."""


class DataError(KappsError, ValueError):
    """A data set or an image that cannot be used."""


class RunError(KappsError, RuntimeError):
    """A run folder that is incomplete or belongs to another job."""


class ExportError(KappsError, RuntimeError):
    """A model that could not be exported, or whose export failed verification."""


class MissingFileError(KappsError, FileNotFoundError):
    """A path that does not exist."""


class MissingPackageError(KappsError, ImportError):
    """An optional package that this job needs; the message names the command that installs it."""


class FileWriteError(KappsError, OSError):
    """A file that could not be written: disk full, folder read-only, no permission."""


def did_you_mean(word: str, known: typing.Iterable[str], otherwise: str = "") -> str:
    """How a sentence about an unknown word ends: the close known one, else `otherwise`."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else otherwise
