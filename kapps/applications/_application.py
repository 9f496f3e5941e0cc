"""Application: an architecture that is called like a function of `keras.applications`."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras

from kapps.applications import _documentation, _graph, _loading, _registry
from kapps.applications._calling import Called
from kapps.applications._tokens import Tokens
from kapps.layers import Network, attention_maps
from kapps.weights import catalog

COMMON = {  # the arguments of every application, with the defaults that do not vary
    "include_top": True,
    "weights": "imagenet",
    "input_tensor": None,
    "input_shape": None,
    "pooling": None,
    "classes": 1000,
    "classifier_activation": "softmax",
    "name": None,
    "include_preprocessing": True,
    "dropout": None,
    "drop_path": None,
    "flavor": "keras",
}


@dataclass(frozen=True)
class Flavor:
    """One reference's conventions for an architecture: "keras", "torch" or, where it differs from
    timm, "torchvision".

    Attributes:
        preprocessing: a name in `kapps.layers.PREPROCESSING`.
        padding, norm_epsilon, norm_momentum: see `kapps.layers.Blocks`.
        crop_pct, interpolation: how its evaluation resizes: shorter side to size / crop_pct.
        dropout, fixed_size: where they are not the application's.
        blocks: further fields of `kapps.layers.Blocks` that differ between flavors.
        config: arguments of the backbone and the top that differ between flavors.
        dilates_strided: with an output stride, whether a kernel that no longer strides has gaps
            itself, not only those after it.
    """

    preprocessing: str
    padding: str = "same"
    norm_epsilon: float = 1e-3
    norm_momentum: float = 0.99
    crop_pct: float = 0.875
    interpolation: str = "bilinear"
    dropout: float | None = None
    fixed_size: bool | None = None
    blocks: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    dilates_strided: bool = False


@dataclass(frozen=True)
class Reference:
    """The same network elsewhere: "timm/mobilenetv2_050" is flavor "torch" with alpha=0.5."""

    name: str
    flavor: str
    arguments: tuple[tuple[str, Any], ...] = ()


def reference(name: str, flavor: str, **arguments) -> Reference:
    """A `Reference` whose arguments are written as keywords."""
    return Reference(name, flavor, tuple(arguments.items()))


@dataclass(frozen=True)
class Spec:
    """What machines need to know about an application with its default arguments.

    Sizes in pixels; crop_pct and interpolation as its default weights were evaluated; mean and std
    in units of [0, 255]; `references` maps a library to the name that the same network, flavor and
    arguments has there; `fill` is the colour around a photo that is put whole into the input, None
    for the mean.
    """

    application: str
    family: str
    flavor: str
    arguments: dict[str, Any]
    size: int
    channels: int
    classes: int
    crop_pct: float
    interpolation: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    references: dict[str, str]
    task: str = "classification"
    crop_mode: str = "center"
    fill: tuple[int, ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON-able values."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, eq=False, repr=False)
class Application(Called):
    """A backbone, its head, its preprocessing and its published weights, called like a function.

    Attributes:
        name: as users call it.
        backbone: `backbone(x, nn, *, ...) -> tensor`; its keywords are `config`, `arguments`, the
            flavor's config, and `drop_path` where it takes one. With the argument `aux` it returns
            `(tensor, {"aux": features (batch, n), ...})`, and each gets a classifier of its own.
        size, min_size: default and smallest height and width in pixels.
        flavors: the conventions by name, the default one first.
        top: `top(x, nn) -> features (batch, n)` between the backbone and the classifier; a global
            average where None; it may take `dropout` and what the backbone takes. `top_layers`
            names its layers with weights.
        classifier: `classifier(nn, x, classes, activation, dropout) -> scores` after the top, or
            after the last map where there is none; dropout and a Dense after an average where None.
            Its layer with weights is `predictions`.
        final: `final(x, nn) -> x` after the pooling, whether or not there is one or a classifier.
        fixed_size: whether the top has weights for each pixel, so that pretrained ones need `size`.
        activation: of its blocks. `blocks`: further fields of `kapps.layers.Blocks`.
        config: fixed arguments of the backbone and the top. `arguments`: those that users may set,
            with their defaults.
        aliases: what a reference calls an argument -> its name here.
        dropout, drop_path: the recipe's own rates.
        stages: pyramid level (of stride 2**level) -> the stage whose last layer is that level.
        tokens: how its patches lie, where it cuts the image into some.
        references: the same network elsewhere.
        classes: of its own classifier; 0 for a network that was published without one.
        defaults: what `bind` changed of the signature.
    """

    name: str
    backbone: Callable
    size: int
    flavors: Mapping[str, Flavor]
    stages: Mapping[int, int]
    top: Callable | None = None
    top_layers: tuple[str, ...] = ()
    classifier: Callable | None = None
    final: Callable | None = None
    fixed_size: bool = False
    activation: str = "relu"
    blocks: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    dropout: float = 0.0
    drop_path: float = 0.0
    tokens: Tokens | None = None
    references: tuple[Reference, ...] = ()
    min_size: int = 32
    channels: int = 3
    classes: int = 1000
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        """Look like a function: name, module, signature and documentation."""
        tags = catalog.tags(self.name)
        own = {
            "classes": self.classes,
            "flavor": next(iter(self.flavors)),
            "weights": tags[0] if tags else None,
        }
        signature = self._dress(COMMON | own | dict(self.arguments))
        object.__setattr__(self, "__doc__", _documentation.of_application(self, signature))

    def __call__(self, *args, **kwargs) -> keras.Model:
        a = self._bound(args, kwargs)
        checkpoint = _loading.find_checkpoint(self, a) if a["weights"] is not None else None
        model = _graph.build(self, a)
        if checkpoint is not None:
            model.load_report = _loading.load(self, model, checkpoint, a)
        return model

    def features(
        self,
        *args,
        levels: tuple[int, ...] | None = None,
        output_stride: int | None = None,
        **kwargs,
    ) -> keras.Model:
        """The backbone as a pyramid of feature maps.

        Args:
            levels: which ones, level n having stride 2**n; 2 to 5 by default, as far as they exist.
                A network of tokens has the stride of its patches on all levels, which are then
                those after a quarter, a half, three quarters and all of its blocks.
            output_stride: the largest stride, 4, 8, 16 or 32; levels beyond it keep that size, and
                their kernels have gaps instead, see `kapps.layers.dilate`. None for no limit.
            **kwargs: as of the application itself, without those of its head.

        Returns:
            A functional model whose outputs are a list, one tensor a level in the order given.

        Raises:
            ValueError: a level that this architecture does not have, an argument of the head, an
                architecture without feature maps, or one that cannot have that output_stride.
        """
        if not self.stages:
            raise ValueError(
                f"{self.name} has no feature maps, every unit sees all pixels; use a convolutional "
                "application such as LeNet5"
            )
        if levels is None:
            levels = [level for level in (2, 3, 4, 5) if level in self.stages] or list(self.stages)
        of_head = ("include_top", "pooling", "classes", "classifier_activation", "dropout", "aux")
        for argument in of_head:
            if argument in kwargs:
                raise ValueError(
                    f"{argument}={kwargs[argument]!r} has no effect in {self.name}.features, which "
                    "has no head; drop it"
                )
        unknown = [level for level in levels if level not in self.stages]
        if unknown or not levels:
            raise ValueError(
                f"levels={tuple(levels)}: {self.name} has the levels {tuple(self.stages)}; choose "
                "some of them"
            )
        _graph.check_output_stride(self, output_stride)
        model = self(*args, include_top=False, **kwargs)
        if output_stride is not None:
            flavor = kwargs.get("flavor", self.__signature__.parameters["flavor"].default)
            model = _graph.dilated(model, output_stride, self.flavors[flavor])
        names = _graph.level_layers(model, self.stages)
        outputs = [
            _graph.level_map(self, model, level, model.get_layer(names[level]).output)
            for level in levels
        ]
        pyramid = Network(model.inputs, outputs, name=f"{model.name}_features")
        if hasattr(model, "load_report"):
            pyramid.load_report = model.load_report
        return pyramid

    def attention_maps(self, model: keras.Model, images) -> dict[str, Any]:
        """How much each token of images looks at each other one: `kapps.layers.attention_maps`.

        Args:
            model: one that this application returned.
            images: (batch, height, width, channels), RGB in [0, 255].
        """
        return attention_maps(model, images)

    @property
    def flavor_names(self) -> tuple[str, ...]:
        """The flavors that it exists in, the default one first."""
        return tuple(self.flavors)

    @property
    def task(self) -> str:
        """What it answers: a class for a picture."""
        return "classification"

    @property
    def levels(self) -> dict[int, str]:
        """Pyramid level -> the name of its layer, as in `features`."""
        return {int(level): name for level, name in _registry.facts(self.name)["levels"].items()}

    @property
    def spec(self) -> Spec:
        """What machines need to know about this application with its default arguments."""
        a = {name: p.default for name, p in self.__signature__.parameters.items()}
        mean, std = _graph.preprocessing_of(self, a).for_channels(self.channels)
        arguments = {name: a[name] for name in self.arguments}
        return Spec(
            application=self.name,
            family=self.family,
            flavor=a["flavor"],
            arguments=arguments,
            size=self.size,
            channels=self.channels,
            classes=self.classes,
            **_graph.resizing_of(self, a),
            mean=mean,
            std=std,
            references=self._elsewhere(a["flavor"], arguments),
        )

    def _check(self, a: dict[str, Any], given: dict[str, Any]) -> None:
        _graph.check(self, a, given)

    def _home(self) -> str:
        return self.backbone.__module__
