"""Xception as Keras and timm (its "legacy" one) name it."""

from kapps.weights.dialects._dialect import Dialect
from kapps.weights.dialects._keras import by_rank

KERAS = Dialect(
    "keras",
    "keras",
    rows=(
        (r"block1_conv1", "stem_conv"),
        (r"block1_conv1_bn", "stem_norm"),
        (r"block1_conv2", "stage1_block1_conv"),
        (r"block1_conv2_bn", "stage1_block1_norm"),
        (r"conv2d(?:_(\d+))?", "{0:shortcut}_conv"),
        (r"batch_normalization(?:_(\d+))?", "{0:shortcut}_norm"),
        (r"block14_sepconv(\d)_bn", "stage5_block{0:+1}_1_norm"),
        (r"block(\d+)_sepconv(\d)_bn", "{0:block-1}_{1}_norm"),
        *(
            row
            for half in ("depthwise", "pointwise")
            for row in (
                (
                    rf"block14_sepconv(\d)/{half}_kernel",
                    f"stage5_block{{0:+1}}_1_{half}_conv/kernel",
                ),
                (
                    rf"block(\d+)_sepconv(\d)/{half}_kernel",
                    f"{{0:block-1}}_{{1}}_{half}_conv/kernel",
                ),
            )
        ),
        (r"predictions", "predictions"),
        # The published files are of Keras 1, from a network without any names.
        (r"convolution2d_(\d+)", "{0:full}_conv"),
        (r"separableconvolution2d_(\d+)/depthwise_kernel", "{0:separable}_depthwise_conv/kernel"),
        (r"separableconvolution2d_(\d+)/pointwise_kernel", "{0:separable}_pointwise_conv/kernel"),
        (r"batchnormalization_(\d+)", "{0:norm}_norm"),
        (r"dense_2", "predictions"),
    ),
    prepare=by_rank(
        *("conv2d", "batch_normalization"),
        *("convolution2d", "separableconvolution2d", "batchnormalization"),
    ),
    orders={
        "shortcut": r"(stage\d_block1_shortcut)_conv$",
        "full": r"(stem|stage1_block1|stage\d_block1_shortcut)_conv$",
        "separable": r"(.+)_depthwise_conv$",
        "norm": r"(.+)_norm$",
    },
)

TIMM = Dialect(
    "timm",
    "torch",
    rows=(
        (r"conv1", "stem_conv"),
        (r"bn1", "stem_norm"),
        (r"conv2", "stage1_block1_conv"),
        (r"bn2", "stage1_block1_norm"),
        (r"block(\d+)\.skip", "{0:block}_shortcut_conv"),
        (r"block(\d+)\.skipbn", "{0:block}_shortcut_norm"),
        # The list of a block is ReLU, convolution, normalisation and so on; the first has no ReLU.
        *(
            row
            for block, first in ((r"block(1)", 0), (r"block(\d+)", 1))
            for index in (1, 2, 3)
            for at in (first + 3 * (index - 1),)
            for row in (
                (rf"{block}\.rep\.{at}\.conv1", f"{{0:block}}_{index}_depthwise_conv"),
                (rf"{block}\.rep\.{at}\.pointwise", f"{{0:block}}_{index}_pointwise_conv"),
                (rf"{block}\.rep\.{at + 1}", f"{{0:block}}_{index}_norm"),
            )
        ),
        (r"conv([34])\.conv1", "stage5_block{0:-1}_1_depthwise_conv"),
        (r"conv([34])\.pointwise", "stage5_block{0:-1}_1_pointwise_conv"),
        (r"bn([34])", "stage5_block{0:-1}_1_norm"),
        (r"fc", "predictions"),
    ),
)

DIALECTS = (KERAS, TIMM)
