"""What every job does at a terminal: help, errors in one line, choice of backend, quiet logs."""

import dataclasses
import importlib.util
import json
import os
import sys
import textwrap
import traceback
import typing
from pathlib import Path

from kapps.cli._values import type_name
from kapps.cli._words import flag
from kapps.errors import KappsError, SettingsError, did_you_mean

HELP_WIDTH = 100  # columns
BACKENDS = ("tensorflow", "jax", "torch")
EXTRAS = {  # module that may be missing -> the extra of setup.py that brings it
    "tensorflow": "tensorflow",
    "jax": "jax",
    "torch": "torch",
    "tensorflow_datasets": "recipes",
    "keras_cv": "recipes",
    "sklearn": "recipes",
    "scipy": "recipes",
    "ai_edge_litert": "litert",
    "tf2onnx": "onnx",
    "onnx": "onnx",
    "onnxruntime": "onnx",
    "optuna": "tune",
}


def guarded(job: typing.Callable[[], None]) -> int:
    """Call `job`; turn what goes wrong into one line on stderr and an exit status.

    0 after success, 2 after an error that the user can mend, 130 after Ctrl-C. Anything else is a
    bug of ours and keeps its traceback, as does every error when KAPPS_DEBUG is set.
    """
    try:
        job()
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("kapps: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # `kapps list | head`: the reader has enough. Python would complain again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        fix = f"pip install 'kapps[{extra}]'"
        return _report(f"this needs the package {error.name!r}, which is not installed; {fix}.")
    except (KappsError, ValueError, OSError) as error:
        return _report(str(error), hint=not isinstance(error, KappsError | OSError))
    return 0


def _report(message: str, hint: bool = False) -> int:
    if os.environ.get("KAPPS_DEBUG"):
        traceback.print_exc()
    note = " (KAPPS_DEBUG=1 shows where)" if hint else ""
    print(f"kapps: error: {' '.join(message.split())}{note}", file=sys.stderr)
    return 2


def choose_backend(name: str | None = None) -> None:
    """Set KERAS_BACKEND before Keras loads, and keep TensorFlow's start-up chatter off stderr.

    Args:
        name: "tensorflow", "jax" or "torch"; None takes KERAS_BACKEND, else Keras's own
            configuration file where its backend is installed, else the first one installed.

    Raises:
        SettingsError: unknown, not installed, or Keras already runs on another.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    asked = name or os.environ.get("KERAS_BACKEND")
    if asked:
        if asked not in BACKENDS:
            choices = ", ".join(BACKENDS)
            guess = did_you_mean(asked, BACKENDS, otherwise=".")
            raise SettingsError(f"backend {asked!r} is not one of {choices}{guess}")
        if not _installed(asked):
            fix = f"pip install 'kapps[{asked}]'"
            raise SettingsError(f"backend {asked!r} is not installed; {fix}.")
        running = sys.modules.get("keras")
        if running is not None and (now := running.config.backend()) != asked:
            raise SettingsError(f"Keras already runs on {now!r}; start anew for {asked!r}.")
        os.environ["KERAS_BACKEND"] = asked
        return
    # Keras writes its file by itself at the first import, so the file is a choice only where its
    # backend is there.
    candidates = (_configured_backend(), *BACKENDS)
    found = next((name for name in candidates if name in BACKENDS and _installed(name)), None)
    if found and "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = found


def _installed(module: str) -> bool:
    return module in sys.modules or importlib.util.find_spec(module) is not None


def _configured_backend() -> str | None:
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    try:
        return json.loads((Path(home) / "keras.json").read_text()).get("backend")
    except (OSError, ValueError, AttributeError):
        return None  # no file, or one that Keras too would not read


def job_help(cls: type, run: typing.Callable, prog: str, whole: bool = False) -> str:
    """The text of `kapps <job> --help`: usage, what the job does, its settings by group.

    Args:
        cls, run: the settings of the job and what it does.
        prog: how it is called.
        whole: with the settings that are rarely changed.
    """
    fields = dataclasses.fields(cls)
    advanced = [field.name for field in fields if field.metadata.get("advanced")]
    fields = [field for field in fields if whole or field.name not in advanced]
    hints = typing.get_type_hints(cls)
    bare = [f"[{f.name.upper()}]" if _optional(f) else f.name.upper() for f in fields if _bare(f)]
    usage = " ".join([prog, *bare, "[--name value | name=value ...]"])
    about = (sys.modules[run.__module__].__doc__ or run.__doc__ or "").strip()
    groups: dict[str, list[tuple[str, str]]] = {}
    for field in fields:
        row = (_left(field, hints[field.name]), _right(field))
        groups.setdefault(field.metadata.get("group", "settings"), []).append(row)
    groups["every job"] = [
        ("--config FILE", "read settings from YAML; flags win over it"),
        ("--backend NAME", f"Keras backend: {', '.join(BACKENDS)}"),
        ("--help", "show this"),
    ]
    if advanced:
        more = f"and the {len(advanced)} settings that are rarely changed"
        groups["every job"].append(("--help-all", more))
    width = min(34, max(len(left) for rows in groups.values() for left, _ in rows))
    lines = [f"usage: {usage}", "", about]
    for title, rows in groups.items():
        lines += ["", f"{title}:"]
        for left, right in rows:
            # What is to be typed, such as copy-paste, stays in one line.
            wrapped = textwrap.wrap(right, HELP_WIDTH - width - 4, break_on_hyphens=False)
            first, *more = wrapped or [""]
            if len(left) > width:
                lines.append(f"  {left}")
                left = ""
            lines += [f"  {left:{width}}  {first}".rstrip()]
            lines += [f"  {'':{width}}  {line}" for line in more]
    return "\n".join(lines) + "\n"


def _bare(field: dataclasses.Field) -> bool:
    return bool(field.metadata.get("positional"))


def _optional(field: dataclasses.Field) -> bool:
    return field.default is not dataclasses.MISSING


def _left(field: dataclasses.Field, hint: object) -> str:
    if _bare(field):
        return field.name.upper()
    if hint is bool:
        return flag(field.name) if not field.default else f"--[no-]{flag(field.name)[2:]}"
    kind = type_name(hint).removesuffix(" or none")
    return f"{flag(field.name)} {field.metadata.get('metavar') or kind}"


def _right(field: dataclasses.Field) -> str:
    text = field.metadata.get("help", "")
    if choices := field.metadata.get("choices"):
        text += f" [{', '.join(map(str, choices))}]"
    if field.default is dataclasses.MISSING:
        return f"{text} (required)"
    if isinstance(field.default, bool):
        return f"{text} (default: {'yes' if field.default else 'no'})"
    if field.default in (None, (), ""):
        return text
    is_tuple = isinstance(field.default, tuple)
    default = ",".join(map(str, field.default)) if is_tuple else field.default
    return f"{text} (default: {default})"
