"""Registers the layers of kapps as soon as Keras is imported, whoever imports it.

Keras loads a saved model's custom layers only from its registry, and `import kapps` must be enough
for that; but it must not import Keras either. So a finder on `sys.meta_path` waits for the import
of Keras, lets the real one do it, and imports `kapps.layers` right after.
"""

import importlib.abc
import importlib.machinery
import sys


def install() -> None:
    """Register now if Keras is there already, otherwise when it comes."""
    if "keras" in sys.modules:
        importlib.import_module("kapps.layers")
    elif not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, fullname, path, target=None):
        if fullname != "keras":
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(importlib.abc.Loader):
    def __init__(self, loader):
        self.loader = loader

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        # Give the module its own loader back: resources and reloads ask for it.
        module.__spec__.loader = module.__loader__ = self.loader
        self.loader.exec_module(module)
        importlib.import_module("kapps.layers")
