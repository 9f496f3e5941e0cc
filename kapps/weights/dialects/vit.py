"""ViT as timm and torchvision name it."""

from kapps.weights.dialects._dialect import Dialect
from kapps.weights.dialects._timm import TRANSFORMER_BLOCKS

TIMM = Dialect("timm", "torch", rows=TRANSFORMER_BLOCKS)

LAYER = r"encoder\.layers\.encoder_layer_(\d+)\."
TORCHVISION = Dialect(
    "torchvision",
    "torch",
    rows=(
        (r"class_token", "class_token/token"),
        (r"encoder\.pos_embedding", "position_embedding/embedding"),
        (r"conv_proj", "stem_conv"),
        (LAYER + r"ln_1", "{0:block}_attention_norm"),
        (LAYER + r"self_attention\.in_proj_weight", "{0:block}_attention_qkv/kernel",
         lambda array, _: array.T),
        (LAYER + r"self_attention\.in_proj_bias", "{0:block}_attention_qkv/bias"),
        (LAYER + r"self_attention\.out_proj", "{0:block}_attention_project"),
        (LAYER + r"ln_2", "{0:block}_mlp_norm"),
        # The first releases numbered the two products as parts of a Sequential.
        (LAYER + r"mlp\.(?:0|linear_1)", "{0:block}_mlp_expand"),
        (LAYER + r"mlp\.(?:3|linear_2)", "{0:block}_mlp_project"),
        (r"encoder\.ln", "head_norm"),
        (r"heads\.head", "predictions"),
    ),
)  # fmt: skip

DIALECTS = (TIMM, TORCHVISION)
