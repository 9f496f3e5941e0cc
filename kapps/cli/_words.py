"""Command-line words of a job: flags, key=value and bare words -> the text of each setting."""

import dataclasses
import re
import typing

from kapps.cli._values import alternatives, is_list
from kapps.errors import SettingsError, did_you_mean

KEY_VALUE = re.compile(r"^([A-Za-z_][\w-]*)=(.*)$", re.DOTALL)


class HelpRequested(Exception):
    """`--help` was among the words; the caller prints the help and ends.

    Attributes:
        whole: whether it was `--help-all`.
    """

    def __init__(self, whole: bool = False):
        super().__init__()
        self.whole = whole


def flag(name: str) -> str:
    """`learning_rate` -> `--learning-rate`; `class_`, which Python keeps for itself, `--class`."""
    return "--" + name.removesuffix("_").replace("_", "-")


def unknown(name: object, known: typing.Iterable[str]) -> str:
    """How the sentence about an unknown setting ends: the closest name, or all names."""
    known = list(known)
    names = f"; the settings are {', '.join(known)}."
    return did_you_mean(str(name).replace("-", "_"), known, otherwise=names)


class Words:
    """One pass over command-line words, giving the text of each setting."""

    def __init__(self, cls: type, extra: tuple[str, ...]):
        self.fields = {field.name: field for field in dataclasses.fields(cls)}
        self.hints = typing.get_type_hints(cls)
        self.extra = tuple(name for name in extra if name not in self.fields)
        self.texts: dict[str, object] = {}

    def read(self, words: list[str]) -> dict[str, object]:
        bare = []
        while words:
            word = words.pop(0)
            if word == "--":
                bare += words
                break
            if word in ("-h", "--help", "--help-all"):
                raise HelpRequested(whole=word == "--help-all")
            if word.startswith("--"):
                self._flag(word, words)
            elif match := KEY_VALUE.match(word):
                self._store(self._name(match[1], word), match[2])
            elif word.startswith("-") and len(word) > 1:
                raise SettingsError(f"{word!r} is not a flag; flags are written --name value.")
            else:
                bare.append(word)
        self._positional(bare)
        return self.texts

    def _flag(self, word: str, words: list[str]) -> None:
        text, has_value, value = word[2:].partition("=")
        negated = text.removeprefix("no-").replace("-", "_") if text.startswith("no-") else ""
        if negated in self.fields and bool in alternatives(self.hints[negated]):
            if has_value:
                raise SettingsError(f"{word!r}: --no-{text[3:]} takes no value.")
            self._store(negated, "false")
            return
        name = self._name(text, word)
        if has_value:
            self._store(name, value)
        elif name in self.fields and bool in alternatives(self.hints[name]):
            self._store(name, "true")
        elif not words:
            raise SettingsError(f"{word} needs a value.")
        else:
            self._store(name, words.pop(0))

    def _name(self, text: str, word: str) -> str:
        name = text.replace("-", "_")
        name = f"{name}_" if f"{name}_" in self.fields else name
        if name not in self.fields and name not in self.extra:
            known = {**self.fields, **dict.fromkeys(self.extra)}
            raise SettingsError(f"{word.split('=')[0]!r} is not a setting{unknown(name, known)}")
        return name

    def _store(self, name: str, text: str) -> None:
        if is_list(self.hints.get(name)) and name in self.texts:
            self.texts[name] = f"{self.texts[name]},{text}"
        else:
            self.texts[name] = text

    def _positional(self, bare: list[str]) -> None:
        for name, field in self.fields.items():
            if field.metadata.get("positional") and bare and name not in self.texts:
                many = is_list(self.hints.get(name))
                self.texts[name] = list(bare) if many else bare[0]
                bare = [] if many else bare[1:]
        if bare:
            raise SettingsError(f"{bare[0]!r} is not expected here; settings are --name value.")
