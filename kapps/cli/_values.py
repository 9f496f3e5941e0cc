"""Values and their types: what a type hint allows, and a value or a typed text as that type."""

import math
import types
import typing

WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
NONE_WORDS = ("none", "null")


def alternatives(hint: object) -> tuple:
    """The types that a hint allows: `int | None` -> (int, NoneType), `int` -> (int,)."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return typing.get_args(hint)
    if typing.get_origin(hint) is typing.Literal:
        return tuple(dict.fromkeys(type(value) for value in typing.get_args(hint)))
    return (hint,)


def type_name(hint: object) -> str:
    """How a type reads in an error or in `--help`: "int", "float or none", "list of str"."""
    names = []
    for kind in alternatives(hint):
        if kind is types.NoneType:
            names.append("none")
        elif typing.get_origin(kind) is tuple:
            names.append(f"list of {type_name(typing.get_args(kind)[0])}")
        else:
            names.append(kind.__name__)
    return " or ".join(names)


def _item_hints(kind: object, count: int) -> tuple:
    """The hint of each item of a tuple type; () when the number of items does not fit."""
    hints = typing.get_args(kind)
    if len(hints) == 2 and hints[1] is Ellipsis:
        return (hints[0],) * count
    return hints if len(hints) == count else ()


def _items(text: str) -> list[str]:
    """What a person means by a list: a,b or, as in YAML, [a, b]; [] for none.

    A comma within brackets or quotes belongs to its item: "shape=[32, 32, 3],alpha=1" is two.
    """
    if text.startswith("[") and text.endswith("]") and len(_split(text)) == 1:
        text = text[1:-1]
        return [item.strip() for item in _split(text)] if text.strip() else []
    return _split(text)


def _split(text: str) -> list[str]:
    """At commas outside of brackets and quotes; at all where those are not closed."""
    items, depth, quote = [""], 0, ""
    for before, letter in zip(" " + text, text, strict=False):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"" and not before.isalnum():  # not the apostrophe of a word
            quote = letter
        else:
            depth += (letter in "[({") - (letter in "])}")
        if letter == "," and not depth and not quote:
            items.append("")
        else:
            items[-1] += letter
    return text.split(",") if depth or quote else items


def _as_kind(value: object, kind: object, is_text: bool) -> object:
    """`value` as `kind`; raises ValueError where that would need a guess or lose something."""
    if typing.get_origin(kind) is tuple:
        if is_text:
            value = _items(value) if isinstance(value, str) else value
        if not isinstance(value, list | tuple):
            raise ValueError
        hints = _item_hints(kind, len(value))
        if len(hints) != len(value):
            raise ValueError
        return tuple(convert(item, hint, is_text) for item, hint in zip(value, hints, strict=True))
    if is_text and kind is bool:
        return WORDS[value.lower()]
    if is_text and kind is int:
        return int(value)
    if kind is float and not isinstance(value, bool):
        # YAML 1.1 reads 1e-3 as a string, so a string of a number is taken as that number.
        if isinstance(value, int | float | str) and math.isfinite(number := float(value)):
            return number
        raise ValueError
    if type(value) is not kind:
        raise ValueError
    return value


def convert(value: object, hint: object, is_text: bool) -> object:
    """`value` as the hint says, losing nothing; with `is_text` it was typed by a person.

    Raises:
        ValueError: no type of the hint takes this value.
    """
    kinds = alternatives(hint)
    is_none = value is None or (isinstance(value, str) and value.lower() in NONE_WORDS)
    if is_none and types.NoneType in kinds:
        return None
    # A string is tried last, or "3" would never become the number of `int | str`.
    for kind in sorted(kinds, key=lambda kind: kind is str):
        try:
            if kind is not types.NoneType:
                return _as_kind(value, kind, is_text)
        except (ValueError, KeyError, OverflowError):
            continue
    raise ValueError


def is_list(hint: object) -> bool:
    """Whether the hint allows a tuple."""
    return any(typing.get_origin(kind) is tuple for kind in alternatives(hint))
