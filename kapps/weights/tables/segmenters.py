"""torchvision's segmenters: trained on COCO 2017, on the 20 classes that VOC has too.

Class 0 is background. Accuracies are those that torchvision states.
"""

from collections.abc import Iterator

from kapps.weights.checkpoint import Checkpoint
from kapps.weights.tables._torchvision import row

PROTOCOL = "COCO 2017 validation with VOC's labels, shorter side 520, as torchvision states it"
ROWS = (  # application, file, digits, mean IoU
    ("FCNResNet50", "fcn_resnet50_coco", "1167a1af", 0.605),
    ("FCNResNet101", "fcn_resnet101_coco", "7ecb50ca", 0.637),
    ("DeepLabV3ResNet50", "deeplabv3_resnet50_coco", "cd0a2569", 0.664),
    ("DeepLabV3ResNet101", "deeplabv3_resnet101_coco", "586e9e4e", 0.674),
    ("DeepLabV3MobileNetV3Large", "deeplabv3_mobilenet_v3_large", "fc3c493d", 0.603),
    ("LRASPPMobileNetV3Large", "lraspp_mobilenet_v3_large", "d234d4ea", 0.579),
)


def rows() -> Iterator[Checkpoint]:
    """A row of the catalog for each file."""
    for application, file, digits, miou in ROWS:
        yield row(
            *(application, file, digits),
            input_size=520,
            classes=21,
            protocol=PROTOCOL,
            metrics=(("mIoU", miou),),
        )
