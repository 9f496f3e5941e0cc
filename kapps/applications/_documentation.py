"""What `help` says of an application: its paper, its arguments, what it takes and gives."""

import inspect
import sys
from typing import TYPE_CHECKING

from kapps.layers import PREPROCESSING
from kapps.weights import catalog

if TYPE_CHECKING:
    from kapps.applications._application import Application
    from kapps.applications._dense import DenseApplication

ARGUMENTS = {  # what the arguments of families mean, for their documentation
    "activation": "of its blocks",
    "alpha": "width multiplier, which scales the filters of every layer",
    "units": "hidden units between the pixels and the classifier",
    "depth_multiplier": "filters that a depthwise convolution has for each channel",
    "aux": "whether the classifiers on the side, which only help training, are further outputs",
    "minimalistic": "3x3 kernels, ReLU and no squeeze-and-excitation, for hardware without them",
    "negative_slope": "of the leaky ReLU; 0.1 in the papers",
    "residual": "False leaves out the shortcuts: the plain networks that the paper compares with",
    "mobile_rounding": "MobileNet's rule for the width of a stage: a half up, no tenth lost",
}

AUX_DOC = "\n    With aux=True the output is a list of such, that of `predictions` first."

DOC = """{signature}

{summary}

Args:
    include_top: whether the classifier is there; without it the last feature map is the output.
    weights: {weights}; or a path to a file of weights,
        "hf://owner/name" for a repository of the Hugging Face hub, or None (random).
    input_tensor: a Keras tensor to build on, in place of a new input.
    input_shape: (height, width, channels) in the data format of Keras; {size}x{size}x{channels} by
        default. Other than three channels adapt the stem of pretrained weights.
    pooling: {poolings}: what follows when include_top is False.
    classes: outputs of the classifier; other than the checkpoint's makes a new head{no_classifier}.
    classifier_activation: of the classifier; None for logits.
    name: of the model.
    include_preprocessing: True normalises RGB in [0, 255] inside the model as the flavor was
        trained; False gives the bare network; one of {preprocessings} says it explicitly.
    dropout: rate before the classifier; None for the recipe's own ({dropout}).
    drop_path: highest rate of stochastic depth; None for the recipe's own ({drop_path}).
    flavor: {flavors}: whose conventions (padding, epsilon, preprocessing) to follow.{arguments}

Returns:
    A functional keras.Model. Input: RGB images in [0, 255], uint8 or float, of shape
    (batch, height, width, channels). Output: (batch, classes), float32. `model.load_report` says
    what was loaded.{aux}

Raises:
    ValueError: an argument has no meaning or no effect here, or the weights do not fit.
    kapps.errors.KappsError: the weights are missing, damaged, or could not be fetched.
"""

DENSE_ARGUMENTS = {
    "backbone": "any application with the feature maps that are needed here, by its name",
    "size": "height and width of the input in pixels, where input_shape says nothing",
    "background": "whether `classes` counts what is nothing as class 0, as torchvision does; None: "
    "as published for the published number of classes, otherwise not",
    "min_scale": "side of the smallest anchors as a share of the input; smaller for small things",
    "max_scale": "side of the largest anchors but for those of the whole input",
    "anchor_sizes": "side of an anchor in pixels for each map, of which further ones are made",
    "regions": "how many of an image the second stage looks at, at most; fewer are quicker",
    "reduced_tail": "half the filters in the last stage of the backbone (table 6 of MobileNetV3), "
    "which pretrained backbones do not have",
    "classifier_activation": "of the classifier; None for logits",
    "aux": "whether the classifier on the side, which only helps training, is a further output",
    "filters": "of its own convolutions",
    "norm": "whether its own convolutions are normalised, which the paper's are not",
    "separable": "whether its 3x3 convolutions are depthwise separable",
    "tokens": "for how many tokens of text there is room; as many as `classes` need are quicker",
    "multimask": "whether it answers with three masks, as prompts may mean several things, or one",
    "output_stride": "of the backbone's last map: what later stages would halve, they dilate",
}

OUTPUTS = {
    "detection": '{"boxes": (batch, anchors, 4), "scores": (batch, anchors, classes)}, float32; '
    "boxes are\n    (left, top, right, bottom) in pixels of the input, scores are probabilities. "
    "`kapps.detections`\n    makes detections of them. Detectors of two stages end in detections: "
    '{"boxes": (batch, M, 4),\n    "scores": (batch, M), "classes": (batch, M)}, classes -1 where '
    "there is none",
    "segmentation": "(batch, height, width, classes) at the size of the input, float32",
    "prompting": '{"masks": (batch, 3, height / 4, width / 4) as logits, "scores": (batch, 3)},\n'
    "    how well each fits; float32. `kapps.segment` makes masks of a photo of them",
}

DENSE_DOC = """{signature}

{summary}

Args:
    weights: {weights}; or a path to a file of weights,
        "hf://owner/name" for a repository of the Hugging Face hub, or None (random).
    backbone_weights: of {backbone} alone: one of its tags, such as "imagenet", or a file;
        weights_backbone is another name of it.
    input_tensor: a Keras tensor to build on, in place of a new input.
    input_shape: (height, width, channels) in the data format of Keras, height and width static;
        {size}x{size}x3 by default.
    classes: what can be found; other than the checkpoint's makes a new classifier.
    name: of the model.
    include_preprocessing: True normalises RGB in [0, 255] inside the model as the flavor was
        trained; False gives the bare network; one of {preprocessings} says it explicitly.
    flavor: {flavors}: whose conventions (padding, epsilon, preprocessing) to follow.{arguments}

Returns:
    A functional keras.Model. Input: RGB images in [0, 255], uint8 or float. Output:
    {outputs}.
    `model.load_report` says what was loaded.

Raises:
    ValueError: an argument has no meaning or no effect here, or the weights do not fit.
    kapps.errors.KappsError: the weights are missing, damaged, or could not be fetched.
"""


def of_application(app: "Application", signature: inspect.Signature) -> str:
    """The documentation of a backbone with a classifier."""
    summary = inspect.getdoc(sys.modules[app.__module__]) or app.name
    arguments = "".join(
        f"\n    {name}: {ARGUMENTS[name]}; {value!r} by default."
        for name, value in app.arguments.items()
    ) + "".join(f"\n    {alias}: another name of {name}." for alias, name in app.aliases.items())
    return DOC.format(
        signature=f"{app.name}{signature}".replace(" -> keras.src.models.model.Model", ""),
        summary=summary,
        size=app.size,
        channels=app.channels,
        poolings=" or ".join(
            map(repr, app.tokens.poolings if app.tokens else ("avg", "max", None))
        ),
        no_classifier="" if app.classes else "; 0 for none, and the pooled features are the output",
        weights=_tags(app.name),
        preprocessings=", ".join(map(repr, PREPROCESSING)),
        dropout=app.dropout,
        drop_path=app.drop_path,
        flavors=" or ".join(map(repr, app.flavors)),
        arguments=arguments,
        aux=AUX_DOC if "aux" in app.arguments else "",
    )


def of_dense(app: "DenseApplication", signature: inspect.Signature) -> str:
    """The documentation of a detector or segmenter."""
    summary = inspect.getdoc(sys.modules[app.__module__]) or app.name
    arguments = "".join(
        f"\n    {name}: {DENSE_ARGUMENTS[name]}; {value!r} by default."
        for name, value in app.own_arguments.items()
    )
    return DENSE_DOC.format(
        signature=f"{app.name}{signature}".replace(" -> keras.src.models.model.Model", ""),
        summary=summary,
        weights=_tags(app.name),
        backbone="the backbone" if app.any_backbone else app.backbone,
        size=app.size,
        preprocessings=", ".join(map(repr, PREPROCESSING)),
        flavors=" or ".join(map(repr, app.flavors)) or "one of the backbone's, None for its first",
        arguments=arguments,
        outputs=OUTPUTS[app.task],
    )


def _tags(name: str) -> str:
    """The tags of an application in the words of its documentation."""
    tags = [repr(tag).replace("'", '"') for tag in catalog.tags(name)]
    return " or ".join(tags) + ", tags of the catalog" if tags else "no tag, for none is published"
