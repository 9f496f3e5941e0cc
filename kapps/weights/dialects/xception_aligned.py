"""Modified Aligned Xception as timm names it."""

from kapps.weights.dialects._dialect import Dialect

BLOCK = r"blocks\.(\d+)"  # our first block is timm's second convolution

TIMM = Dialect(
    "timm",
    "torch",
    rows=(
        (r"stem\.0\.conv", "stem_conv"),
        (r"stem\.0\.bn", "stem_norm"),
        (r"stem\.1\.conv", "stage1_block1_conv"),
        (r"stem\.1\.bn", "stage1_block1_norm"),
        (rf"{BLOCK}\.shortcut\.conv", "{0:block+1}_shortcut_conv"),
        (rf"{BLOCK}\.shortcut\.bn", "{0:block+1}_shortcut_norm"),
        (rf"{BLOCK}\.stack\.conv(\d)\.conv_dw", "{0:block+1}_{1}_depthwise_conv"),
        (rf"{BLOCK}\.stack\.conv(\d)\.bn_dw", "{0:block+1}_{1}_depthwise_norm"),
        (rf"{BLOCK}\.stack\.conv(\d)\.conv_pw", "{0:block+1}_{1}_pointwise_conv"),
        (rf"{BLOCK}\.stack\.conv(\d)\.bn_pw", "{0:block+1}_{1}_pointwise_norm"),
        (r"head\.fc", "predictions"),
    ),
)

DIALECTS = (TIMM,)
