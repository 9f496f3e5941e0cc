"""The preprocessing of a checkpoint as a callable and as JSON."""

from typing import TYPE_CHECKING

from kapps.data.transforms import Transform

if TYPE_CHECKING:
    import keras

    from kapps.applications._application import Application


def create_transform(
    model_or_name: "keras.Model | Application | str", training: bool = False
) -> Transform:
    """How a picture becomes the input of a network: resize, crop, interpolation.

    Args:
        model_or_name: an application's model (also after `keras.models.load_model`), an
            application, its name, or the name of the same network elsewhere ("timm/resnet50").
        training: cut a random piece and flip it, instead of the rule for evaluation.

    Returns:
        A callable `path, PIL image or array -> uint8 RGB array (height, width, channels)`, which is
        what the network takes; `.to_json()` says the same to other programs.

    Raises:
        ValueError: no such application, or a model that does not carry its preprocessing.
    """
    from kapps import applications

    if isinstance(model_or_name, str):
        return create_transform(applications.get(model_or_name), training)
    if hasattr(model_or_name, "spec"):
        return Transform.from_spec(model_or_name.spec.to_dict(), training=training)

    import keras

    from kapps.layers import spec_of

    shape = tuple(model_or_name.inputs[0].shape[1:])
    channels_last = keras.config.image_data_format() == "channels_last"
    *sides, channels = shape if channels_last else (*shape[1:], shape[0])
    spec = spec_of(model_or_name) | {"channels": channels}
    if None not in sides:
        spec["size"] = tuple(sides)
    return Transform.from_spec(spec, training=training)
