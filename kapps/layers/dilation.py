"""A backbone whose last stages keep their resolution: strides become gaps in the kernels after."""

import keras
from keras import layers

CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D)


def dilate(model: keras.Model, output_stride: int, *, with_the_stride: bool = False) -> keras.Model:
    """The same network with maps of at least a share 1 / `output_stride` of the image's sides.

    A convolution that would stride beyond that does not stride; those after it skip as many pixels
    between the taps of their kernels, so that each tap still meets what it met. The variables, and
    their names, are those of `model`; so are the numbers at every `stride`-th pixel, borders apart.

    Source: Rethinking Atrous Convolution for Semantic Image Segmentation (Chen et al., 2017,
    arXiv:1706.05587), section 3.1; timm's `output_stride` and torchvision's
    `replace_stride_with_dilation`.

    Args:
        model: functional, of convolutions.
        output_stride: in pixels of the image, a power of two.
        with_the_stride: whether the kernel of the convolution that no longer strides gets the gaps
            too, as torchvision's MobileNetV3 has it.

    Returns:
        A functional model with weights of its own.

    Raises:
        ValueError: something that is no convolution strides beyond `output_stride`.
    """
    walk = _Walk(model, output_stride, with_the_stride)
    dilated = keras.models.clone_model(
        model, model.input, clone_function=lambda layer: layer, call_function=walk.call
    )
    for layer in model.layers:
        if layer.weights:
            copies = dilated.get_layer(layer.name).weights
            for ours, theirs in zip(copies, layer.weights, strict=True):
                ours.assign(theirs)
    return dilated


class _Walk:
    """Calls copies of layers one after the other, and knows how far each map is from the image."""

    def __init__(self, model: keras.Model, output_stride: int, with_the_stride: bool):
        self.model, self.limit, self.with_the_stride = model, output_stride, with_the_stride
        self.names = {layer.name: layer for layer in model.layers}
        self.copies: dict[str, keras.Layer] = {}
        # (stride, dilation) of maps by their id. The maps stay, so that no id comes twice.
        self.states: dict[int, tuple[int, int]] = {}
        self.kept: list = []

    def call(self, layer, inputs, *args, **kwargs):
        maps = inputs if isinstance(inputs, list | tuple) else [inputs]
        stride, dilation = max((self.states.get(id(x), (1, 1)) for x in maps), key=_distance)
        changes, state = self._changes(layer, stride, dilation)
        if layer.name not in self.copies:
            self.copies[layer.name] = type(layer).from_config(layer.get_config() | changes)
        outputs = self.copies[layer.name](inputs, *args, **kwargs)
        for x in outputs if isinstance(outputs, list | tuple) else [outputs]:
            self.states[id(x)] = state
            self.kept.append(x)
        return outputs

    def _changes(self, layer, stride: int, dilation: int) -> tuple[dict, tuple[int, int]]:
        """What is new in a layer's configuration, and the state of what it gives."""
        if isinstance(layer, layers.ZeroPadding2D):
            # Before a convolution: as wide as that one's kernel needs.
            after = self._after(layer)
            gap = self._gap(after, stride, dilation) if after is not None else dilation
            padding = [[gap * side for side in sides] for sides in layer.padding]
            return ({"padding": padding} if gap > 1 else {}), (stride, dilation)
        own = _stride(layer)
        stays = stride * own <= self.limit
        state = (stride * own, dilation) if stays else (stride, dilation * own)
        if not stays and not self._can_stay(layer):
            raise ValueError(
                f"output_stride={self.limit}: {self.model.name} reaches a stride of "
                f"{stride * dilation * own} in {layer.name}, a {type(layer).__name__} that cannot "
                "do without; use another backbone or a larger output_stride"
            )
        if not isinstance(layer, CONVOLUTIONS):
            return {}, state
        changes = {} if stays else {"strides": 1}
        gap = self._gap(layer, stride, dilation)
        if gap > 1 and max(layer.kernel_size) > 1:
            changes["dilation_rate"] = tuple(gap * rate for rate in layer.dilation_rate)
        return changes, state

    def _gap(self, layer, stride: int, dilation: int) -> int:
        """The dilation of a convolution of a map."""
        own = _stride(layer)
        return dilation * own if self.with_the_stride and stride * own > self.limit else dilation

    def _can_stay(self, layer) -> bool:
        """Whether a strided layer has a form of the same size: a convolution that pads."""
        if not isinstance(layer, CONVOLUTIONS):
            return False
        padded = layer.padding == "same" or f"{layer.name}_pad" in self.names
        return padded or max(layer.kernel_size) == 1

    def _after(self, pad) -> keras.Layer | None:
        """The convolution that a padding is for: `Blocks` names it after that."""
        found = self.names.get(pad.name.removesuffix("_pad"))
        return found if isinstance(found, CONVOLUTIONS) else None


def _stride(layer) -> int:
    strides = getattr(layer, "strides", 1)
    return max(strides) if isinstance(strides, list | tuple) else strides


def _distance(state: tuple[int, int]) -> int:
    """How many pixels of the image lie between two that a kernel meets."""
    return state[0] * state[1]
