"""Settings of a job: one frozen dataclass, read from YAML, flags and key=value words.

A job declares what it can be told, once:

    @dataclass(frozen=True)
    class Settings:
        data: str = setting(help="where the images are, e.g. folder:photos")
        epochs: int = setting(10, "passes over the images")
        ema: bool = setting(True, "keep a moving average of the weights")

and `parse(Settings, ["--data", "digits", "epochs=3", "--no-ema"])` gives a Settings. Flags win over
the YAML file of `--config`, which wins over defaults. Nothing is guessed and nothing is rounded: an
unknown name, a wrong type or a value outside the choices is refused with one sentence.
"""

import dataclasses
import sys
import typing
from pathlib import Path

from kapps.cli import _console
from kapps.cli._quiet import quiet
from kapps.cli._values import alternatives, convert, type_name
from kapps.cli._words import HelpRequested, Words, flag, unknown
from kapps.errors import SettingsError, did_you_mean


def setting(
    default: object = dataclasses.MISSING,
    help: str = "",
    *,
    choices: tuple = (),
    metavar: str | None = None,
    positional: bool = False,
    group: str = "settings",
    advanced: bool = False,
    before: object = dataclasses.MISSING,
):
    """Declare one field of a Settings dataclass; without `default` it must be given.

    Args:
        default: value when nobody says otherwise.
        help: one line for `--help`.
        choices: the only values allowed (for a tuple: its only items); empty allows all.
        metavar: what `--help` shows in place of the type.
        positional: the value may be given bare, without its flag; a tuple takes all that remain.
        group: heading under which `--help` lists the field.
        advanced: it is rarely changed; `--help` leaves it to `--help-all`.
        before: what files of settings mean that were written before there was this one; by default
            `default`.
    """
    facts = {
        "help": help,
        "choices": tuple(choices),
        "metavar": metavar,
        "positional": positional,
        "group": group,
        "advanced": advanced,
        "before": default if before is dataclasses.MISSING else before,
    }
    return dataclasses.field(default=default, metadata=facts)


def from_dict(cls: type, values: dict[str, object], *, texts: dict[str, object] | None = None):
    """A Settings from values of their own types, and from `texts` as typed by a person.

    Raises:
        SettingsError: a name is unknown, a required one is missing, a value does not fit.
    """
    fields = {field.name: field for field in dataclasses.fields(cls)}
    hints = typing.get_type_hints(cls)
    result = {}
    for source, is_text in ((values, False), (texts or {}, True)):
        for name, value in source.items():
            if name not in fields:
                raise SettingsError(f"{name!r} is not a setting{unknown(name, fields)}")
            result[name] = _checked(fields[name], hints[name], value, is_text)
    missing = [
        name
        for name, field in fields.items()
        if name not in result and field.default is dataclasses.MISSING
    ]
    if missing:
        first = fields[missing[0]]
        say = missing[0].upper() if first.metadata.get("positional") else flag(missing[0])
        raise SettingsError(f"{say} is missing: {first.metadata.get('help', '') or 'give it'}.")
    return cls(**result)


def find_config(name: str | Path) -> Path:
    """The YAML file that `--config` means: a path, or the name of one in kapps/recipes/configs/.

    Raises:
        SettingsError: there is no such file.
    """
    path = Path(name)
    shipped = Path(__file__).parent.parent / "recipes" / "configs" / f"{path}.yaml"
    if not path.is_file() and not path.suffix and shipped.is_file():
        return shipped
    if not path.is_file():
        names = [file.stem for file in shipped.parent.glob("*.yaml")]
        said = "; kapps recipes lists those that come with kapps."
        guess = did_you_mean(str(path), names, otherwise=said)
        raise SettingsError(f"config file {str(path)!r} is not there{guess}")
    return path


def read_yaml(path: str | Path) -> dict[str, object]:
    """The mapping in a YAML file; the argument is that of `find_config`.

    Raises:
        SettingsError: no such file, not YAML, not a mapping, or a name that is there twice.
    """
    import yaml

    path = find_config(path)
    try:
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise SettingsError(f"config file {str(path)!r} is not valid YAML: {reason}.") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise SettingsError(f"config file {str(path)!r} must hold lines of `name: value`.")
    names = [key.value for key, _ in node.value]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SettingsError(f"config file {str(path)!r} sets {twice[0]!r} twice; keep one.")
    return values


def before_there_was(cls: type) -> dict[str, object]:
    """What each field means where a file of resolved settings does not name it yet."""
    before = {field.name: field.metadata["before"] for field in dataclasses.fields(cls)}
    return {name: value for name, value in before.items() if value is not dataclasses.MISSING}


def from_yaml(cls: type, path: str | Path):
    """A Settings from a YAML file alone."""
    return from_dict(cls, read_yaml(path))


def to_dict(settings: object) -> dict[str, object]:
    """The settings as plain values that JSON and YAML can hold."""
    values = dataclasses.asdict(settings)
    return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}


def to_yaml(settings: object, path: str | Path) -> Path:
    """Write the settings so that `from_yaml` reads equal ones; returns the path."""
    import yaml

    from kapps.files import atomic_write

    with atomic_write(path) as file:
        text = yaml.safe_dump(to_dict(settings), sort_keys=False, allow_unicode=True)
        file.write(text.encode("utf-8"))
    return Path(path)


def _checked(field: dataclasses.Field, hint: object, value: object, is_text: bool) -> object:
    """The value of one field, converted and among its choices."""
    choices = field.metadata.get("choices", ())
    if not choices and typing.get_origin(hint) is typing.Literal:
        choices = typing.get_args(hint)
    if isinstance(value, str) and value in choices:
        return value  # before "none" is read as None
    try:
        result = convert(value, hint, is_text)
    except ValueError:
        wanted = type_name(hint)
        if not is_text and str in alternatives(hint) and not isinstance(value, str | list | dict):
            wanted += " (put it in quotes)"
        raise SettingsError(f"{field.name}={value!r} is not valid; expected {wanted}.") from None
    for item in result if isinstance(result, tuple) else (result,):
        if choices and item is not None and item not in choices:
            names = ", ".join(map(str, choices))
            guess = did_you_mean(str(item), map(str, choices), otherwise=".")
            raise SettingsError(
                f"{field.name}={item!r} is not a choice; expected one of {names}{guess}"
            )
    return result


def parse(cls: type, argv: list[str], *, extra: tuple[str, ...] = ()):
    """A Settings from command-line words; with `extra`, (Settings, {name: text of those flags}).

    `--name value`, `--name=value`, `name=value`, `--name` and `--no-name` for a bool,
    `--config FILE`, and bare words for the positional fields. A list is `--name a,b`, `[a, b]` or
    the flag repeated; `[]` is an empty one. After `--` every word is positional; a file named like
    `a=b` is written `./a=b`.

    Raises:
        SettingsError: one sentence about what does not fit.
        HelpRequested: `-h`, `--help` or `--help-all` was given.
    """
    reader = Words(cls, ("config", *extra))
    texts = reader.read(list(argv))
    others = {name: texts.pop(name) for name in reader.extra if name in texts}
    values = read_yaml(others.pop("config")) if "config" in others else {}
    result = from_dict(cls, values, texts=texts)
    return (result, others) if extra else result


def main(cls: type, run: typing.Callable, argv: list[str] | None = None, *, prog: str = "") -> int:
    """Run a job from command-line words.

    Args:
        cls, run: the settings of the job, and what it does.
        argv: the words; None for those of the process.
        prog: how the job is called.

    Returns:
        0; 1 where `run` returns a dict in which "errors" is not 0, of a job that looks for them;
        2 after an error; 130 after Ctrl-C.
    """
    status = 0
    argv = sys.argv[1:] if argv is None else argv
    if not prog:  # `python -m kapps.recipes.train` too is called `kapps train`
        spec = getattr(sys.modules[run.__module__], "__spec__", None)
        prog = f"kapps {(spec.name if spec else run.__module__).rpartition('.')[2]}"

    def job() -> None:
        nonlocal status
        try:
            settings, others = parse(cls, argv, extra=("backend",))
        except HelpRequested as help:
            print(_console.job_help(cls, run, prog, help.whole), end="")
            return
        _console.choose_backend(others.get("backend") or getattr(settings, "backend", None))
        with quiet():
            result = run(settings)
        status = int(isinstance(result, dict) and bool(result.get("errors")))

    return _console.guarded(job) or status
