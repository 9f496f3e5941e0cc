"""Which applications there are: the tables that a new family adds its names to."""

FAMILIES = {  # module -> applications, in the order of the documentation
    "perceptron": ("Perceptron", "MLP"),
    "neocognitron": ("Neocognitron",),
    "lenet": ("LeNet1", "LeNet5"),
    "alexnet": ("AlexNet", "AlexNetSingleTower", "AlexNetOWT"),
    "zfnet": ("ZFNet",),
    "nin": ("NiN",),
    "squeezenet": ("SqueezeNet1_0", "SqueezeNet1_1"),
    "vgg": (
        *(f"VGG{depth}" for depth in (11, 13, 16, 19)),
        *(f"VGG{depth}BN" for depth in (11, 13, 16, 19)),
    ),
    "resnet": (
        *(f"ResNet{depth}" for depth in (18, 26, 34, 50, 101, 152)),
        *("ResNeXt50_32x4d", "ResNeXt101_32x4d", "ResNeXt101_32x8d", "ResNeXt101_64x4d"),
        *("WideResNet50_2", "WideResNet101_2"),
    ),
    "resnet_d": tuple(f"ResNet{depth}D" for depth in (50, 101, 152, 200)),
    "resnet_rs": ("ResNetRS50", "ResNetRS101"),
    "senet": (
        *("SEResNet18", "SEResNet34", "SEResNet50", "SEResNet50Legacy", "SEResNet101"),
        *("SEResNet152", "SEResNet152D"),
        *("SEResNeXt50_32x4d", "SEResNeXt101_32x4d", "SEResNeXt101_64x4d"),
        *("SENet154", "SENet154Gluon"),
    ),
    "skresnet": ("SKResNet18", "SKResNet34", "SKResNeXt50_32x4d"),
    "ecanet": (
        *("ECAResNet50", "ECAResNet50D", "ECAResNet50T", "ECAResNet101D", "ECAResNet269D"),
        "ECAResNetLight",
    ),
    "resnest": tuple(f"ResNeSt{depth}" for depth in (14, 26, 50, 101, 200, 269)),
    "resnet_v2": ("ResNet50V2", "ResNet101V2", "ResNet152V2"),
    "bit": tuple(
        f"BiTResNet{kind}" for kind in ("50X1", "50X3", "101X1", "101X3", "152X2", "152X4")
    ),
    "resnet_cifar": tuple(f"ResNet{depth}" for depth in (20, 32, 44, 56, 110)),
    "wide_resnet": ("WideResNet28_10",),
    "regnet": tuple(
        f"RegNet{kind}{size}"
        for kind in "XY"
        for size in (
            *("002", "004", "006", "008", "016", "032"),
            *("040", "064", "080", "120", "160", "320"),
        )
    ),
    "darknet": ("DarkNet19", "DarkNet53", "CSPDarkNet53"),
    "densenet": ("DenseNet121", "DenseNet161", "DenseNet169", "DenseNet201"),
    "mobilenet": ("MobileNet",),
    "mobilenet_v2": ("MobileNetV2", "MobileNetV2_110D", "MobileNetV2_120D"),
    "mobilenet_v3": ("MobileNetV3Small", "MobileNetV3Large"),
    "mobilenet_v4": tuple(
        f"MobileNetV4{variant}"
        for variant in (
            *("ConvSmall", "ConvSmall050", "ConvMedium", "ConvLarge"),
            *("HybridMedium", "HybridLarge"),
        )
    ),
    "mnasnet": tuple(f"MnasNet{i}" for i in ("050", "075", "100", "130", "140", "A1", "Small")),
    "proxylessnas": ("ProxylessNASCPU", "ProxylessNASGPU", "ProxylessNASMobile", "SPNASNet"),
    "fbnet": ("FBNetC",),
    "fbnet_v3": ("FBNetV3B",),
    "shufflenet_v2": tuple(f"ShuffleNetV2_{width}x" for width in ("0_5", "1_0", "1_5", "2_0")),
    "ghostnet": (
        *("GhostNet050", "GhostNet", "GhostNet130"),
        *(f"GhostNetV2_{width}" for width in (100, 130, 160)),
    ),
    "repvgg": tuple(
        f"RepVGG{name}"
        for name in ("A0", "A1", "A2", "B0", "B1", "B1g4", "B2", "B2g4", "B3", "B3g4", "D2se")
    ),
    "mobileone": tuple(f"MobileOneS{i}" for i in range(5)),
    "mobilevit": tuple(f"MobileViT{size}" for size in ("XXS", "XS", "S")),
    "mobilevit_v2": tuple(f"MobileViTV2_{width}" for width in ("050", "100", "200")),
    "efficientnet_lite": tuple(f"EfficientNetLite{i}" for i in range(5)),
    "efficientnet": tuple(f"EfficientNetB{i}" for i in range(8)),
    "efficientnet_v2": (
        *(f"EfficientNetV2{i}" for i in ("B0", "B1", "B2", "B3", "S", "M", "L", "XL")),
        *(f"EfficientNetV2RW{i}" for i in "TSM"),
    ),
    "googlenet": ("GoogLeNet", "InceptionV1BN"),
    "inception_v2": ("InceptionV2",),
    "inception_v3": ("InceptionV3",),
    "inception_v4": ("InceptionV4",),
    "inception_resnet_v2": ("InceptionResNetV2",),
    "xception": ("Xception",),
    "xception_aligned": ("Xception41", "Xception65", "Xception71"),
    "nasnet": ("NASNetMobile", "NASNetLarge"),
    "pnasnet": ("PNASNet5Large",),
    "convnext": (
        *(f"ConvNeXt{size}" for size in ("Atto", "Femto", "Pico", "Nano")),
        *(f"ConvNeXt{size}" for size in ("Tiny", "Small", "Base", "Large", "XLarge")),
        *(f"DINOv3ConvNeXt{size}" for size in ("Tiny", "Small", "Base", "Large")),
    ),
    "convnext_v2": (
        *(f"ConvNeXtV2{size}" for size in ("Atto", "Femto", "Pico", "Nano")),
        *(f"ConvNeXtV2{size}" for size in ("Tiny", "Base", "Large", "Huge")),
    ),
    "vit": tuple(
        f"ViT{size}"
        for size in (
            *("Tiny16", "Small16", "Small32", "Base8", "Base16", "Base32"),
            *("Large16", "Large32", "Huge14"),
        )
    ),
    "deit": (
        *("DeiTTiny16", "DeiTSmall16", "DeiTBase16", "DeiTBase16_384"),
        *(f"DeiT{size}Distilled16" for size in ("Tiny", "Small", "Base")),
    ),
    "deit3": tuple(
        f"DeiT3{size}" for size in ("Small16", "Medium16", "Base16", "Large16", "Huge14")
    ),
    "swin": (
        *(f"Swin{size}" for size in ("Tiny", "Small", "Base", "Large")),
        *("SwinBase384", "SwinLarge384"),
    ),
    "swin_v2": (
        *("SwinV2TinyW8", "SwinV2TinyW16", "SwinV2SmallW8", "SwinV2SmallW16"),
        *("SwinV2BaseW8", "SwinV2BaseW16", "SwinV2LargeW12to16"),
    ),
    "dino": tuple(f"DINOViT{size}" for size in ("Small16", "Small8", "Base16", "Base8")),
    "mae": ("MAEViTBase16", "MAEViTLarge16"),
    "dinov2": tuple(
        f"DINOv2ViT{size}14{registers}"
        for registers in ("", "Reg4")
        for size in ("Small", "Base", "Large", "Giant")
    ),
    "dinov3": tuple(
        f"DINOv3ViT{size}16" for size in ("Small", "SmallPlus", "Base", "Large", "HugePlus", "7B")
    ),
    "clip": tuple(
        f"CLIPViT{size}"
        for size in ("Base32", "Base16", "Large14", "Large14_336", "Huge14", "Giant14")
    ),
    "clip_resnet": ("CLIPResNet50", "CLIPResNet101", "CLIPResNet50x4"),
    "siglip": ("SigLIPViTBase16",),
    "sam": ("SAMViTBase16", "SAMViTLarge16", "SAMViTHuge16"),
    "beit": ("BEiTBase16", "BEiTLarge16", "BEiTV2Base16"),
    "eva": ("EVA02Tiny14", "EVA02Small14", "EVA02Base14", "EVA02Large14", "EVAGiant14"),
    "ssd": (
        *("SSD300VGG16", "SSD512VGG16"),
        "SSDLite",
        *(f"SSDLite320{name}" for name in ("MobileNetV2", "MobileNetV3Large")),
        *(f"SSDLite320{name}" for name in ("MobileNetV4ConvSmall", "EfficientNetLite0")),
    ),
    "retinanet": (
        *("RetinaNet", "RetinaNetResNet50FPN", "RetinaNetResNet50FPNV2"),
        *("SSDFPNLite", "SSDFPNLite320MobileNetV2", "SSDFPNLite640MobileNetV2"),
    ),
    "fcos": ("FCOS", "FCOSResNet50FPN"),
    "fast_rcnn": ("FastRCNNVGG16", "FastRCNNAlexNet"),
    "faster_rcnn": (
        *("FasterRCNN", "FasterRCNNResNet50FPN", "FasterRCNNResNet50FPNV2"),
        *("FasterRCNNMobileNetV3LargeFPN", "FasterRCNNMobileNetV3Large320FPN"),
    ),
    "mask_rcnn": (
        *("MaskRCNN", "MaskRCNNResNet50FPN", "MaskRCNNResNet50FPNV2"),
        "KeypointRCNNResNet50FPN",
    ),
    "efficientdet": tuple(f"EfficientDetLite{i}" for i in range(5)),
    "yolov1": ("YOLOv1",),
    "yolov2": ("YOLOv2", "YOLOv2Tiny"),
    "yolov3": ("YOLOv3", "YOLOv3Tiny"),
    "yolov4": ("YOLOv4",),
    "yolov5": tuple(f"YOLOv5{size}U" for size in "NSMLX"),
    "yolov6": tuple(f"YOLOv6{size}" for size in "NSML"),
    "yolov7": ("YOLOv7", "YOLOv7Tiny", "YOLOv7X", "YOLOv7W6"),
    "yolox": tuple(f"YOLOX{size}" for size in ("Nano", "Tiny", *"SMLX")),
    "yolov8": (*(f"YOLOv8{size}" for size in "NSMLX"), "YOLOv8"),
    "yolo_world": tuple(f"YOLOWorld{version}{size}" for version in ("", "V2") for size in "SMLX"),
    "detr": ("DETRResNet50", "DETRResNet101"),
    "rt_detr": tuple(f"RTDETRResNet{depth}" for depth in (18, 34, 50, 101)),
    "grounding_dino": ("GroundingDINOSwinT", "GroundingDINOSwinB"),
    "fcn": ("FCNResNet50", "FCNResNet101"),
    "unet": ("UNet",),
    "segnet": ("SegNet",),
    "deeplab": (
        *(f"DeepLabV3{name}" for name in ("ResNet50", "ResNet101", "MobileNetV3Large")),
        "DeepLabV3Plus",
    ),
    "lraspp": ("LRASPP", "LRASPPMobileNetV3Large", "LRASPPEfficientNetLite0"),
    "segment_anything": ("SAMBase", "SAMLarge", "SAMHuge"),
}
TASKS = {  # what an application answers -> the families that do not classify
    "detection": (
        *("ssd", "retinanet", "fcos", "mask_rcnn", "efficientdet"),
        *("fast_rcnn", "faster_rcnn"),
        *(*(f"yolov{number}" for number in range(1, 9)), "yolox", "yolo_world"),
        *("detr", "rt_detr", "grounding_dino"),
    ),
    "segmentation": ("fcn", "unet", "segnet", "deeplab", "lraspp"),
    "prompting": ("segment_anything",),
}
APPLICATIONS = {name: family for family, names in FAMILIES.items() for name in names}
# Modules of keras.applications that are named after one application of a family.
ALIASES = ("resnet50", "vgg16", "vgg19")
