"""The words of an augmentation policy: `flip+jitter:0.4+erase(area=(0.02, 0.2))`."""

import ast
import dataclasses
import inspect
import re
from collections.abc import Callable
from typing import Any

WORD = re.compile(r"(?P<name>[A-Za-z][\w-]*)(?::(?P<number>[^:()]+)|(?P<arguments>\(.*\)))?", re.S)


@dataclasses.dataclass(frozen=True)
class Part:
    """What a name stands for, and what can be said of it.

    Attributes:
        function: has a default for each parameter below.
        ranges: the parameters, each with its least and largest value (all numbers of a tuple are
            between), or its choices where it is a word. The first is set by a bare number.
    """

    function: Callable[..., Any]
    ranges: dict[str, tuple] = dataclasses.field(default_factory=dict)


def split(text: str) -> list[str]:
    """The parts of a policy's text, cut at each "+" outside of brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "+" and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def arguments(word: str, parts: dict[str, Part]) -> dict[str, Any]:
    """The arguments that a word gives to the part that it names.

    Args:
        word: NAME, NAME:NUMBER or NAME(parameter=value, ...), NAME one of `parts`.
        parts: what the names stand for.

    Raises:
        ValueError: not of this form, or a parameter or value that the part does not have.
    """
    match = WORD.fullmatch(word)
    name = match["name"] if match else word
    part = parts[name]
    known = ", ".join(part.ranges) or "none"
    if match["number"] is not None:
        if not part.ranges:
            raise ValueError(f"augment={word}: {name} takes no number; write {name}.")
        given = {next(iter(part.ranges)): _literal(word, match["number"])}
    else:
        given = _keywords(word, match["arguments"] or "()")
    defaults = inspect.signature(part.function).parameters
    for key, value in given.items():
        if key not in part.ranges:
            raise ValueError(f"augment={word}: {name} has no {key!r}; it has: {known}.")
        _check(word, key, value, defaults[key].default, part.ranges[key])
    return given


def name_of(word: str) -> str | None:
    """The name in NAME, NAME:NUMBER or NAME(...); None for another form."""
    match = WORD.fullmatch(word)
    return match["name"] if match else None


def _literal(word: str, text: str) -> Any:
    try:
        return ast.literal_eval(text.strip())
    except (SyntaxError, ValueError):
        raise ValueError(f"augment={word}: {text!r} is not a number.") from None


def _keywords(word: str, text: str) -> dict[str, Any]:
    try:
        call = ast.parse(f"part{text}", mode="eval").body
        if not isinstance(call, ast.Call) or call.args:
            raise ValueError
        found = {one.arg: ast.literal_eval(one.value) for one in call.keywords}
        if None in found:
            raise ValueError
    except (SyntaxError, ValueError):
        raise ValueError(
            f"augment={word} is not understood; write NAME, NAME:NUMBER or NAME(name=value, ...)."
        ) from None
    return found


def _check(word: str, key: str, value: Any, default: Any, limits: tuple) -> None:
    low, high = limits[0], limits[-1]
    if isinstance(low, str):
        if value not in limits:
            raise ValueError(f"augment={word}: {key}={value!r} is not one of {', '.join(limits)}.")
        return
    whole = isinstance(low, int)
    numbers = value if isinstance(default, tuple) else (value,)
    kind = "a whole number" if whole else "a number"
    if isinstance(default, tuple):
        kind = "(least, largest)"
    fits = isinstance(numbers, tuple) and all(
        isinstance(n, int if whole else int | float)
        and not isinstance(n, bool)
        and low <= n <= high
        for n in numbers
    )
    if fits and isinstance(default, tuple):
        fits = len(numbers) == len(default) and numbers == tuple(sorted(numbers))
    if not fits:
        raise ValueError(f"augment={word}: {key}={value!r} is not {kind} in {low}..{high}.")
