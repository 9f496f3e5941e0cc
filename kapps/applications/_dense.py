"""DenseApplication: a detector or segmenter, a neck and a head on another application."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras

from kapps.applications import _dense_graph, _documentation, _graph, _loading
from kapps.applications._application import (
    Application,
    Flavor,
    Reference,
    Spec,
)
from kapps.applications._calling import Called
from kapps.weights import catalog

COMMON = {  # the arguments of every one, with the defaults that do not vary
    "weights": None,
    "backbone_weights": None,
    "input_tensor": None,
    "input_shape": None,
    "classes": 91,
    "name": None,
    "include_preprocessing": True,
    "flavor": None,
}

ALIASES = {"weights_backbone": "backbone_weights"}  # torchvision's


@dataclass(frozen=True, eq=False, repr=False)
class DenseApplication(Called):
    """A backbone of this package, a neck, a head, and their published weights.

    Attributes:
        name: as users call it.
        task: "detection" or "segmentation".
        head: `head(maps, nn, *, ...) -> outputs`, neck and head in one: a dictionary of boxes and
            scores (see `kapps.layers.detector_outputs`), or a map of classes. Of these keywords it
            gets those it takes: `classes`, `published` (classes of the published network),
            `image_size` (height, width), `image` (the input), those of `config` and those of
            `arguments`. Its layers begin with "neck_" and "head_"; those whose filters depend on
            the classes end in "predictions".
        backbone: the name of an application; of the default one, where users may choose.
        plain: the backbone where `backbone` is None: one of the application's own.
        levels: the maps that `head` gets, see `kapps.applications._dense_graph.tap`; or
            `levels(application)`, where they depend on the backbone.
        size, min_size: default and smallest height and width in pixels.
        flavors: the conventions by name, the default one first; those of the backbone where empty.
        backbone_flavors: flavor -> the backbone's, where they are called differently.
        backbone_arguments: that the backbone is called with. `adapt`: `adapt(application, *, ...)`
            gives a changed backbone, where no argument of it would do; it takes keywords of
            `arguments`, and `backbone_weights`.
        any_backbone: whether the user may choose `backbone` and `size`.
        prompts: `prompts(image_size)` gives inputs beside the image, by name, which the head gets
            as `prompts`; such a network has no classes. None where there are none.
        config: fixed arguments of the head. `arguments`: those that users may set, with defaults.
        aliases: what a reference calls an argument -> its name here.
        activation: of the blocks of neck and head. `blocks`: further fields of `Blocks`.
        references: the same network elsewhere.
        classes: of its own head.
        resize, crop_pct, interpolation: how a photo becomes the input, as of `kapps.data.Transform`
            with `resize` as its crop_mode.
        annotation: of the pictures that it learns from, where that is not the one of its task.
        fill: with resize="border" the colour around the photo in 0..255; None for the mean.
        defaults: what `bind` changed of the signature.
    """

    name: str
    task: str
    head: Callable
    backbone: str | None
    levels: tuple[int | str, ...] | Callable
    size: int
    flavors: Mapping[str, Flavor] = field(default_factory=dict)
    backbone_flavors: Mapping[str, str] = field(default_factory=dict)
    backbone_arguments: Mapping[str, Any] = field(default_factory=dict)
    adapt: Callable | None = None
    plain: Application | None = None
    any_backbone: bool = False
    prompts: Callable | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=ALIASES.copy)
    activation: str = "relu"
    blocks: Mapping[str, Any] = field(default_factory=dict)
    references: tuple[Reference, ...] = ()
    min_size: int = 32
    channels: int = 3
    classes: int = 91
    annotation: str | None = None
    resize: str = "squash"
    crop_pct: float = 1.0
    interpolation: str = "bilinear"
    fill: tuple[int, int, int] | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)

    # What `_graph` and `_loading` ask of every application.
    tokens = None
    fixed_size = False
    top_layers = ()
    stages = {}

    def __post_init__(self):
        """Look like a function: name, module, signature and documentation."""
        tags = catalog.tags(self.name)
        own = {
            "classes": self.classes,
            "flavor": next(iter(self.flavors), None),
            "weights": tags[0] if tags else None,
        }
        chosen = {"backbone": self.backbone, "size": self.size} if self.any_backbone else {}
        signature = self._dress(COMMON | own | chosen | dict(self.arguments))
        object.__setattr__(self, "__doc__", _documentation.of_dense(self, signature))

    def __call__(self, *args, **kwargs) -> keras.Model:
        a = self._bound(args, kwargs)
        app, a = self.resolved(a)
        checkpoint = _loading.find_checkpoint(app, a) if a["weights"] is not None else None
        model = _dense_graph.build(app, a)
        if checkpoint is not None:
            body = _dense_graph.body_of(app)
            model.load_report = _loading.load(app, model, checkpoint, a, body=body.family)
        return model

    def resolved(self, a: dict[str, Any]) -> tuple["DenseApplication", dict[str, Any]]:
        """The application with the backbone, size and flavors that arguments choose, and those.

        Raises:
            ValueError: no such backbone, or one of another task.
        """
        body = _dense_graph.backbone_of(self, a)
        app = dataclasses.replace(
            self,
            backbone=None if body is self.plain else body.name,
            size=a.get("size", self.size),
            flavors=self.flavors or body.flavors,
        )
        flavor = a["flavor"] or next(iter(app.flavors))
        # What `_graph` and `_loading` know of an application: the head is always there.
        whole = {"include_top": True, "classifier_activation": "softmax"}
        return app, whole | a | {"flavor": flavor}

    @property
    def backbone_tag(self) -> str | None:
        """The published weights that its backbone starts from by default, or None."""
        app, a = self.resolved(self._bound((), {}))
        body = _dense_graph.body_of(app)
        flavor = _dense_graph.backbone_flavor(app, a)
        arguments = dict(body.arguments) | dict(app.backbone_arguments)
        return catalog.default(body.name, flavor, arguments)

    @property
    def spec(self) -> Spec:
        """What machines need to know about this application with its default arguments."""
        app, a = self.resolved({k: p.default for k, p in self.__signature__.parameters.items()})
        mean, std = _graph.preprocessing_of(app, a).for_channels(app.channels)
        arguments = {name: a[name] for name in self.own_arguments}
        return Spec(
            application=self.name,
            family=self.family,
            flavor=a["flavor"],
            arguments=arguments,
            size=app.size,
            channels=self.channels,
            classes=a["classes"],
            crop_pct=self.crop_pct,
            interpolation=self.interpolation,
            mean=mean,
            std=std,
            references=self._elsewhere(a["flavor"], arguments),
            task=self.task,
            crop_mode=self.resize,
            fill=self.fill,
        )

    @property
    def flavor_names(self) -> tuple[str, ...]:
        """The flavors that it exists in, the default one first."""
        return tuple(self.resolved(self._bound((), {}))[0].flavors)

    @property
    def own_arguments(self) -> dict[str, Any]:
        """The arguments that not every dense application has, with their defaults."""
        chosen = {"backbone": self.backbone, "size": self.size} if self.any_backbone else {}
        return chosen | dict(self.arguments)

    def _check(self, a: dict[str, Any], given: dict[str, Any]) -> None:
        _dense_graph.check(self, a, given)

    def _home(self) -> str:
        return self.head.__module__
