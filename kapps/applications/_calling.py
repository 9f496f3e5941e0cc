"""How every application is called, whatever its task: by name only, with defaults to be changed."""

import dataclasses
import inspect
from collections.abc import Mapping
from typing import Any, Self

import keras

from kapps.applications._families import APPLICATIONS
from kapps.errors import did_you_mean


class Called:
    """The manners of a dataclass that is called like a function.

    It has the fields `name`, `aliases` (what a reference calls an argument -> its name here),
    `references` (the same network elsewhere) and `defaults` (what `bind` changed), and the methods
    `_check` and `_home`.
    """

    def _dress(self, defaults: Mapping[str, Any]) -> inspect.Signature:
        """Look like a function: name, module and signature; the documentation is the caller's."""
        parameters = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=value)
            for name, value in {**defaults, **self.defaults}.items()
        ]
        signature = inspect.Signature(parameters, return_annotation=keras.Model)
        for attribute, value in (
            ("__name__", self.name),
            ("__qualname__", self.name),
            ("__module__", self._module),
            ("__signature__", signature),
        ):
            object.__setattr__(self, attribute, value)
        return signature

    def __repr__(self) -> str:
        return f"<application {self.__module__}.{self.name}>"

    @property
    def family(self) -> str:
        """The module that defines it, such as "mobilenet_v2"."""
        return self._module.rpartition(".")[2]

    @property
    def _module(self) -> str:
        """Families may share their functions, so the registry knows better than those."""
        family = APPLICATIONS.get(self.name)
        return f"kapps.applications.{family}" if family else self._home()

    def _elsewhere(self, flavor: str, arguments: Mapping[str, Any]) -> dict[str, str]:
        """Library -> what the network of that flavor and with these arguments is called there."""
        found: dict[str, str] = {}
        for row in self.references:
            library, _, name = row.name.partition("/")
            own = {**arguments, **{k: v for k, v in row.arguments if k in arguments}}
            if row.flavor == flavor and own == arguments:
                found.setdefault(library, name)
        return found

    def bind(self, **arguments) -> Self:
        """The same application with other defaults, as in `MobileNetV2.bind(alpha=0.5)`."""
        self._bound((), arguments)
        defaults = dict(self.defaults) | self._renamed(arguments)
        return dataclasses.replace(self, defaults=defaults)

    def _bound(self, args: tuple, kwargs: dict[str, Any]) -> dict[str, Any]:
        """All arguments with their defaults, checked."""
        if args:
            raise TypeError(
                f"{self.name}({args[0]!r}, ...): arguments are given by name only; write "
                f"{self.name}(input_shape=...) or whichever you meant"
            )
        parameters = self.__signature__.parameters
        kwargs = self._renamed(kwargs)
        for name in kwargs:
            if name not in parameters:
                raise TypeError(
                    f"{self.name}() has no argument {name!r}"
                    f"{did_you_mean(name, parameters) or '; it has ' + ', '.join(parameters)}"
                )
        bound = {name: p.default for name, p in parameters.items()} | kwargs
        self._check(bound, dict(self.defaults) | kwargs)
        return bound

    def _renamed(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """The same arguments under our names."""
        for alias, name in self.aliases.items():
            if alias in kwargs and name in kwargs:
                raise TypeError(f"{self.name}() got {alias} and {name}, which are one; drop one")
        return {self.aliases.get(name, name): value for name, value in kwargs.items()}
