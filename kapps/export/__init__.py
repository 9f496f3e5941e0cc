"""From a trained model to something a phone, a server or a browser can run, verified on the way."""

_HOME = {
    "export": "kapps.models.exporting",  # it takes names of applications, which nothing here knows
    "Bundle": "kapps.export.bundle",
    "Runner": "kapps.export.litert",
}
__all__ = sorted(_HOME)


def __getattr__(name: str):
    import importlib

    if name not in _HOME:
        raise AttributeError(f"module 'kapps.export' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
