"""Renew tools/published.tsv, what timm and torchvision say of their own checkpoints.

    REFERENCES/bin/python tools/import_published.py reference_models.tsv

It runs in an environment that has timm and torchvision, which kapps does not need, and takes the
accuracies from a table with the columns timm_model, timm_tag, timm_top1, timm_top5, timm_top1_size,
timm_top1_all_tags ("tag@size=top1; ...") and torchvision; timm publishes them apart from its
package (results-imagenet.csv). Rows of tags that the table does not name stay as they are.
`tools/update_tables.py` makes the rows of the catalog of it.
"""

import csv
import re
import sys
from pathlib import Path

import timm.models
import torchvision

PUBLISHED = Path(__file__).with_name("published.tsv")
COLUMNS = (
    "tag", "url", "mirror", "size", "preprocessing", "crop_pct", "interpolation", "classes",
    "top1", "top5", "licence",
)  # fmt: skip
PREPROCESSING = {
    ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)): "torch",
    ((0.5,) * 3, (0.5,) * 3): "tensorflow",
    ((0.0,) * 3, (1.0,) * 3): "unit",
    ((0.481, 0.458, 0.408), (0.269, 0.261, 0.276)): "clip",
}
LICENCES = {
    "apache-2.0": "Apache-2.0",
    "mit": "MIT",
    "bsd-3-clause": "BSD-3-Clause",
    "cc-by-nc-4.0": "CC-BY-NC-4.0",
    "dinov3-license": "DINOv3 License",
    "cvnets-license": "Apple CVNets licence",
    "mobileone-license": "Apple MobileOne licence",
}
# Files of timm's own releases have its tensor names and the start of their SHA-256 in their names.
RELEASE = re.compile(
    r"https://github.com/(rwightman|huggingface)/pytorch-image-models/releases/download/"
    r"(?!v0\.1-cadene|v0\.1-vitjx)[^/]+/[^/]+-[0-9a-f]{8,}\.pth"
)
# torchvision normalises for these two a second time, inside the network, to mean and deviation 0.5.
NORMALISED_AGAIN = ("inception_v3", "googlenet")


def timm_rows(row: dict) -> list[dict]:
    """The table's own tag, then timm's default where that is another."""
    model, tag = row["timm_model"], row["timm_tag"]
    if not tag:
        return []
    default = timm.models.get_pretrained_cfg(model).tag
    scores = {}
    for tagged, size, top1 in re.findall(r"(\S+)@(\d+)=([\d.]+)", row["timm_top1_all_tags"]):
        scores[tagged, int(size)] = float(top1), None
    if row["timm_top1"]:
        top5 = float(row["timm_top5"])
        scores[tag, int(row["timm_top1_size"])] = float(row["timm_top1"]), top5
    return [timm_row(model, name, scores) for name in dict.fromkeys((tag, default))]


def timm_row(model: str, tag: str, scores: dict) -> dict:
    cfg = timm.models.get_pretrained_cfg(f"{model}.{tag}")
    size = cfg.input_size[1]
    top1, top5 = scores.get((tag, size), (None, None))
    release = cfg.url if RELEASE.fullmatch(cfg.url or "") else ""
    hub = f"hf://{cfg.hf_hub_id}" if cfg.hf_hub_id else ""
    mean, std = (tuple(round(v, 3) for v in values) for values in (cfg.mean, cfg.std))
    return {
        "tag": f"timm/{model}.{tag}",
        "url": hub or cfg.url,
        "mirror": release if hub else "",
        "size": size,
        "preprocessing": PREPROCESSING[mean, std],
        "crop_pct": cfg.crop_pct,
        "interpolation": cfg.interpolation,
        "classes": cfg.num_classes,
        "top1": top1,
        "top5": top5,
        "licence": LICENCES.get(cfg.license, cfg.license or "not stated"),
    }


def torchvision_rows(model: str) -> list[dict]:
    """The default of a model, then the others that are for ImageNet's classes."""
    if not model:
        return []
    weights = torchvision.models.get_model_weights(model)
    order = sorted(weights, key=lambda w: w != weights.DEFAULT)
    return [torchvision_row(model, w) for w in order if "FEATURES" not in w.name]


def torchvision_row(model: str, weights) -> dict:
    recipe = weights.transforms()
    scores = weights.meta["_metrics"]["ImageNet-1K"]
    return {
        "tag": f"torchvision/{model}.{weights.name.lower()}",
        "url": weights.url,
        "mirror": "",
        "size": recipe.crop_size[0],
        "preprocessing": "tensorflow" if model in NORMALISED_AGAIN else "torch",
        "crop_pct": round(recipe.crop_size[0] / recipe.resize_size[0], 6),
        "interpolation": recipe.interpolation.value,
        "classes": len(weights.meta["categories"]),
        "top1": scores["acc@1"],
        "top5": scores["acc@5"],
        "licence": "CC-BY-NC-4.0" if "SWAG" in weights.name else "BSD-3-Clause",
    }


def main() -> None:
    with open(sys.argv[1], encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    rows = {}
    for row in table:
        for found in (*timm_rows(row), *torchvision_rows(row["torchvision"])):
            rows[found["tag"]] = found
    if PUBLISHED.exists():
        with open(PUBLISHED, encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t"):
                rows.setdefault(row["tag"], row)
    with open(PUBLISHED, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows.values())
    print(f"{len(rows)} checkpoints")


if __name__ == "__main__":
    main()
