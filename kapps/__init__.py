"""kapps: image applications for Keras 3, from a photo to a phone.

`import kapps` imports neither Keras nor a backend; the first use of an application does.
"""

from importlib import import_module

from kapps import _keras_hook

__version__ = "0.1.0"

LAZY = {  # name -> (module, attribute); attribute None for the module itself
    "applications": ("kapps.applications", None),
    "data": ("kapps.data", None),
    "export": ("kapps.export", None),
    "inspect": ("kapps.inspect", None),
    "layers": ("kapps.layers", None),
    "training": ("kapps.training", None),
    "weights": ("kapps.weights", None),
    "detections": ("kapps.detection.predicting", "detections"),
    "segment": ("kapps.segmentation.prompting", "segment"),
    "create_transform": ("kapps._transforms", "create_transform"),
    "find_application": ("kapps.applications", "find_application"),
    "list_models": ("kapps.applications", "list_models"),
    "reparameterize": ("kapps.layers", "reparameterize"),
    "replace_head": ("kapps.applications._heads", "replace_head"),
    "set_vocabulary": ("kapps.applications.open_vocabulary", "set_vocabulary"),
}

__all__ = ["__version__", *LAZY]

_keras_hook.install()


def __getattr__(name: str):
    if name not in LAZY:
        raise AttributeError(f"module 'kapps' has no attribute {name!r}")
    module, attribute = LAZY[name]
    value = import_module(module)
    return getattr(value, attribute) if attribute else value


def __dir__() -> list[str]:
    return sorted({*globals(), *LAZY})
