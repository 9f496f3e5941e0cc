"""The pages of the jobs: what each does and every setting of it, from the declarations."""

import dataclasses
import importlib
import inspect
import re
import typing

from kapps.cli import JOBS
from kapps.cli._values import type_name
from kapps.cli._words import flag


def menu() -> list[dict]:
    """Entries of the menu."""
    return [{f"kapps {job}": f"jobs/{job}.md"} for job in JOBS]


def pages() -> dict[str, str]:
    """Page -> its Markdown."""
    lines = [f"| [`kapps {job}`]({job}.md) | {says} |" for job, says in JOBS.items()]
    head = (
        "# Jobs\n\nEach is a command and a function, `kapps.recipes.JOB.run(Settings(...))`, with "
        "the same settings. A setting is written `--name value` or `name=value`; `--config FILE` "
        "reads them from YAML, and flags win over it.\n\n| job | what it does |\n|---|---|\n"
    )
    found = {"jobs/index.md": head + "\n".join(lines) + "\n"}
    return found | {f"jobs/{job}.md": page(job) for job in JOBS}


def page(job: str) -> str:
    """The page of one job."""
    module = importlib.import_module(f"kapps.recipes.{job}")
    fields = dataclasses.fields(module.Settings)
    hints = typing.get_type_hints(module.Settings)
    groups: dict[str, list[str]] = {}
    for field in fields:
        rare = field.metadata.get("advanced")
        group = "rarely changed" if rare else field.metadata.get("group", "settings")
        groups.setdefault(group, []).append(_row(field, hints[field.name]))
    rare = groups.pop("rarely changed", None)
    if rare:
        groups["rarely changed"] = rare
    parts = [f"# kapps {job}\n\n{_prose(inspect.getdoc(module) or '')}\n"]
    for group, rows in groups.items():
        head = "| setting | default | what it says |\n|---|---|---|\n"
        parts.append(f"## {group[0].upper()}{group[1:]}\n\n{head}" + "\n".join(rows) + "\n")
    parts.append(
        f"## From Python\n\n`kapps.recipes.{job}.run(kapps.recipes.{job}.Settings(...))`, with "
        f"these settings as keyword arguments.\n\n{_sections(inspect.getdoc(module.run) or '')}\n"
    )
    return "\n".join(parts)


def _row(field: dataclasses.Field, hint) -> str:
    bare = field.metadata.get("positional")
    name = field.name.upper() if bare else flag(field.name)
    takes = field.metadata.get("metavar") or type_name(hint)
    default = "required" if field.default is dataclasses.MISSING else f"`{_plain(field.default)}`"
    says = field.metadata.get("help", "")
    if choices := field.metadata.get("choices"):
        says += f" ({', '.join(map(str, choices))})"
    return f"| `{name}` <small>{_cell(takes)}</small> | {default} | {_cell(says)} |"


def _plain(value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or "[]"
    return "none" if value is None else str(value)


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("<", "&lt;").replace("*", r"\*")


def _prose(text: str) -> str:
    """A docstring whose lines of commands become blocks of code."""
    result, commands = [], []
    for line in [*text.splitlines(), ""]:
        if re.match(r"\s*(\w+=\S+ )*kapps ", line) or (commands and commands[-1].endswith("\\")):
            commands.append(line.strip())
            continue
        if commands:
            result.append("```sh\n" + "\n".join(commands) + "\n```")
            commands = []
        result.append(line)
    return "\n".join(result).strip()


def _sections(text: str) -> str:
    """Returns and Raises of a docstring as paragraphs."""
    lines = []
    for line in text.splitlines():
        title = re.match(r"^(Args|Returns|Raises|Yields):$", line)
        lines.append(f"\n**{title[1]}**\n" if title else re.sub(r"^    ", "", line))
    return _cell("\n".join(lines))
