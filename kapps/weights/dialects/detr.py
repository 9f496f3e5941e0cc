"""DETR as transformers names it: in its files, and as its newer versions say in memory."""

from kapps.weights.dialects._dialect import Dialect
from kapps.weights.dialects._transformers import decoder_rows

TRANSFORMERS = Dialect(
    "transformers",
    "torch",
    body="timm",
    renames=((r"model\.backbone\.(?:conv_encoder\.)?model\.", ""),),
    rows=(
        (r"model\.input_projection", "neck_project_conv"),
        (r"model\.query_position_embeddings\.weight", "head_queries/queries"),
        *decoder_rows(r"model\.encoder\.layers\.(\d)", "neck", "attention"),
        *decoder_rows(r"model\.decoder\.layers\.(\d)", "head", "self"),
        (r"model\.decoder\.layernorm", "head_norm"),
        (r"class_labels_classifier", "head_class_predictions"),
        (r"bbox_predictor\.layers\.(\d)", "head_box_{0:+1}"),
    ),
)

DIALECTS = (TRANSFORMERS,)
