"""NASNet-A: Learning Transferable Architectures (Zoph et al., 2017, arXiv:1707.07012)."""

from kapps.applications._application import Application, Flavor, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import Blocks
from kapps.layers.nasnet_cells import Cell, apply

NORMAL = Cell(  # figure 4
    1,
    (
        (("separable", 5, "h"), ("separable", 3, "p")),
        (("separable", 5, "p"), ("separable", 3, "p")),
        (("avg_pool", 3, "h"), ("identity", 0, "p")),
        (("avg_pool", 3, "p"), ("avg_pool", 3, "p")),
        (("separable", 3, "h"), ("identity", 0, "h")),
    ),
    ("p", 1, 2, 3, 4, 5),
)
REDUCTION = Cell(
    2,
    (
        (("separable", 5, "h"), ("separable", 7, "p")),
        (("max_pool", 3, "h"), ("separable", 7, "p")),
        (("avg_pool", 3, "h"), ("separable", 5, "p")),
        (("identity", 0, 2), ("avg_pool", 3, 1)),
        (("separable", 3, 1), ("max_pool", 3, "h")),
    ),
    (2, 3, 4, 5),
)


def backbone(
    x,
    nn: Blocks,
    *,
    penultimate_filters: int,
    num_blocks: int,
    stem_block_filters: int,
    skip_reduction: bool,
    zeros_count: tuple[str, ...],
):
    filters = penultimate_filters // 24  # the last cell concatenates six maps of four times that
    p = nn.conv_norm_act(
        x, stem_block_filters, 3, strides=2, padding="valid", activation=False, name="stem"
    )
    x = apply(REDUCTION, p, None, nn, filters // 4, zeros_count, name="stage2_block1")
    p, x = x, apply(REDUCTION, x, p, nn, filters // 2, zeros_count, True, name="stage3_block1")
    for stage in (3, 4, 5):
        if stage > 3:
            filters *= 2
            reduced = apply(REDUCTION, x, p, nn, filters, zeros_count, name=f"stage{stage}_block1")
            # Whether the next cell looks back at the map before the reduction or one before that.
            p, x = (p if skip_reduction else x), reduced
        for block in range(2, num_blocks + 2):
            name = f"stage{stage}_block{block}"
            p, x = x, apply(NORMAL, x, p, nn, filters, zeros_count, block == 2, name=name)
    return nn.act(x, name="stage5_act")


def _application(name, size, references=(), **config):
    def flavor(*zeros_count, **conventions):
        return Flavor(
            "tensorflow", norm_momentum=0.9997, config={"zeros_count": zeros_count}, **conventions
        )

    # In which strided pools the zeros around the map count like pixels.
    flavors = {"keras": flavor("max_pool", "avg_pool")}
    if references:
        flavors["torch"] = flavor("avg_pool", crop_pct=0.911, interpolation="bicubic")
    return Application(
        name,
        backbone,
        size=size,
        flavors=flavors,
        config=config,
        stages={2: 2, 3: 3, 4: 4, 5: 5},
        references=(reference(f"keras/{name}", "keras"), *references),
    )


NASNetMobile = _application(  # NASNet-A (4 @ 1056)
    "NASNetMobile",
    224,
    penultimate_filters=1056,
    num_blocks=4,
    stem_block_filters=32,
    skip_reduction=False,
)
NASNetLarge = _application(  # NASNet-A (6 @ 4032)
    "NASNetLarge",
    331,
    (reference("timm/nasnetalarge", "torch"),),
    penultimate_filters=4032,
    num_blocks=6,
    stem_block_filters=96,
    skip_reduction=True,
)

__all__ = ["NASNetLarge", "NASNetMobile", "decode_predictions", "preprocess_input"]
