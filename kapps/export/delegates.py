"""Which operators the accelerators of a phone are known to take; the rest runs on the CPU.

Read from LiteRT's sources: the operator switch of its GPU delegate
(tflite/delegates/gpu/common/model_builder.cc, 2.x) and, for NNAPI, the operators of Android 11
(feature level 4). Support also depends on shapes and on the phone, so this is a first answer and
no promise: measure on the device.
"""

from kapps.export.flatbuffer import Contents

_COMMON = (
    "ABS", "ADD", "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D",
    "DEPTH_TO_SPACE", "DEQUANTIZE", "DIV", "ELU", "EQUAL", "EXP", "FULLY_CONNECTED", "GREATER",
    "HARD_SWISH", "LESS", "LOG", "LOGISTIC", "MAXIMUM", "MAX_POOL_2D", "MEAN", "MINIMUM", "MUL",
    "NEG", "PAD", "PADV2", "POW", "PRELU", "QUANTIZE", "RELU", "RELU6", "RELU_N1_TO_1",
    "RESHAPE", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "RSQRT", "SLICE", "SOFTMAX",
    "SPACE_TO_DEPTH", "SPLIT", "SQRT", "SQUEEZE", "STRIDED_SLICE", "SUB", "TANH", "TILE",
    "TRANSPOSE", "TRANSPOSE_CONV",
)  # fmt: skip
GPU = frozenset(
    [*_COMMON, "BATCH_MATMUL", "CAST", "COS", "GELU", "LEAKY_RELU", "MIRROR_PAD", "PACK"]
    + ["SIN", "SPLIT_V", "SQUARE", "SQUARED_DIFFERENCE", "SUM", "REDUCE_MAX", "UNPACK"]
)
NNAPI = frozenset([*_COMMON, "CAST", "GATHER", "L2_NORMALIZATION", "LOG_SOFTMAX"])


def report(contents: Contents) -> dict[str, dict]:
    """What stays on the CPU with each accelerator.

    Returns:
        {"gpu": {"takes": 70, "of": 71, "left_on_cpu": ["GELU"], "note": ...}, "nnapi": {...}}.
    """
    names = [op.name for op in contents.operators]
    whole = contents.inputs[0].dtype in ("uint8", "int8")
    notes = {
        "gpu": "computes in float16 and unpacks 8-bit weights: prefer float16 or float32 files"
        if whole
        else "computes in float16 by default",
        "nnapi": "deprecated since Android 15; " + ("suits int8" if whole else "slow for floats"),
    }
    result = {}
    for delegate, known in (("gpu", GPU), ("nnapi", NNAPI)):
        left = sorted({name for name in names if name not in known})
        result[delegate] = {
            "takes": sum(name in known for name in names),
            "of": len(names),
            "left_on_cpu": left,
            "note": notes[delegate],
        }
    return result
