"""ConvNeXt V2 as timm names it: ConvNeXt with a normalisation between the two products."""

import dataclasses

from kapps.weights.dialects import convnext

TIMM = dataclasses.replace(
    convnext.TIMM,
    rows=(
        (convnext.TIMM_BLOCK + r"mlp\.grn\.weight", convnext.OURS + "response_norm/gamma"),
        (convnext.TIMM_BLOCK + r"mlp\.grn\.bias", convnext.OURS + "response_norm/beta"),
        *convnext.TIMM.rows,
    ),
)

DIALECTS = (TIMM,)
