"""ConvNeXt as Keras, timm and torchvision name it.

Keras begins every name with the model's, and nests the stem and the downsampling in groups:
"convnext_tiny_stem/convnext_tiny_stem_conv".
"""

from kapps.weights.dialects._dialect import Dialect

KERAS_BLOCK = r".*_stage_(\d+)_block_(\d+)_"
TIMM_BLOCK = r"stages\.(\d+)\.blocks\.(\d+)\."
OURS = "stage{0:+1}_block{1:+1}_"


def _depthwise(array, _shape):
    """Keras has a convolution with as many groups as filters: (7, 7, 1, C) is our (7, 7, C, 1)."""
    return array.transpose(0, 1, 3, 2)


KERAS = Dialect(
    "keras",
    "keras",
    rows=(
        (r".*_stem_conv", "stem_conv"),
        (r".*_stem_layernorm", "stem_norm"),
        (r".*_downsampling_layernorm_(\d+)", "stage{0:+2}_downsample_norm"),
        (r".*_downsampling_conv_(\d+)", "stage{0:+2}_downsample_conv"),
        (KERAS_BLOCK + "depthwise_conv/kernel", OURS + "depthwise_conv/kernel", _depthwise),
        (KERAS_BLOCK + "depthwise_conv", OURS + "depthwise_conv"),
        (KERAS_BLOCK + "layernorm", OURS + "norm"),
        (KERAS_BLOCK + "pointwise_conv_1", OURS + "expand_conv"),
        (KERAS_BLOCK + "pointwise_conv_2", OURS + "project_conv"),
        # Keras gave this variable no name, and "Variable" or "variable_12" became of it.
        (KERAS_BLOCK + "layer_scale/[^/]+", OURS + "scale/gamma"),
        # The last normalisation has a name in a classifier alone.
        (r".*_head_layernorm|layer_normalization(?:_\d+)?", "head_norm"),
        (r".*_head_dense", "predictions"),
    ),
)

TIMM = Dialect(
    "timm",
    "torch",
    rows=(
        (r"stem\.0", "stem_conv"),
        (r"stem\.1", "stem_norm"),
        (r"stages\.(\d+)\.downsample\.0", "stage{0:+1}_downsample_norm"),
        (r"stages\.(\d+)\.downsample\.1", "stage{0:+1}_downsample_conv"),
        (TIMM_BLOCK + r"conv_dw", OURS + "depthwise_conv"),
        (TIMM_BLOCK + r"norm", OURS + "norm"),
        (TIMM_BLOCK + r"mlp\.fc1", OURS + "expand_conv"),
        (TIMM_BLOCK + r"mlp\.fc2", OURS + "project_conv"),
        (TIMM_BLOCK + r"gamma", OURS + "scale/gamma"),
        (r"head\.norm", "head_norm"),
        (r"head\.fc", "predictions"),
    ),
)


def _flat(array, _shape):
    """torchvision keeps a layer scale as (C, 1, 1)."""
    return array.reshape(-1)


def _torchvision_stage(stage: int) -> tuple[tuple, ...]:
    """torchvision numbers the downsampling and the blocks of the stages in one sequence."""
    block = rf"features\.{2 * stage - 1}\.(\d+)\."
    ours = f"stage{stage}_block{{0:+1}}_"
    return (
        (rf"features\.{2 * stage - 2}\.0", f"stage{stage}_downsample_norm"),
        (rf"features\.{2 * stage - 2}\.1", f"stage{stage}_downsample_conv"),
        (block + r"layer_scale", ours + "scale/gamma", _flat),
        (block + r"block\.0", ours + "depthwise_conv"),
        (block + r"block\.2", ours + "norm"),
        (block + r"block\.3", ours + "expand_conv"),
        (block + r"block\.5", ours + "project_conv"),
    )


TORCHVISION = Dialect(
    "torchvision",
    "torch",
    rows=(
        (r"features\.0\.0", "stem_conv"),
        (r"features\.0\.1", "stem_norm"),
        *(row for stage in range(1, 5) for row in _torchvision_stage(stage)),
        (r"classifier\.0", "head_norm"),
        (r"classifier\.2", "predictions"),
    ),
)

DIALECTS = (KERAS, TIMM, TORCHVISION)
