"""model_card.md of a bundle, laid out as model hubs read it: what is known, and what is not.

The first lines are YAML, as https://huggingface.co/docs/hub/model-cards describes them; the
sections are those of Model Cards for Model Reporting (Mitchell et al., 2019, arXiv:1810.03993) that
this package can fill from what it measured. What it does not know it says it does not know.
"""

from pathlib import Path

from kapps.export import verify
from kapps.export.source import Source, Weights

# SPDX name -> the hub's; another licence is "other" there, with its name.
LICENCES = {
    name: name.lower()
    for name in ("Apache-2.0", "MIT", "BSD-3-Clause", "CC-BY-4.0", "CC-BY-NC-4.0")
}
TASKS = {  # what the output is -> the hub's name of the task
    "probabilities": "image-classification",
    "logits": "image-classification",
    "features": "image-feature-extraction",
    "boxes": "object-detection",
    "masks": "image-segmentation",
}
METRICS = {"top-1 accuracy": "accuracy", "mAP@0.5": "map", "mean IoU": "mean_iou"}
FORMATS = {"litert": ("litert", "tflite"), "saved_model": ("tensorflow",), "onnx": ("onnx",)}
FILES = {
    "labels.txt": "the classes, one a line, in the order of the scores",
    "anchors.bin": "boxes that the answers are relative to",
    "spec.json": "the contract, for machines",
    "report.json": "how the file was verified, operators, versions",
    "README.md": "how to use it, with code for this very file",
    "golden.png": "a picture of the data that it was verified with",
    "golden.json": "what the file answers for it",
    "golden_boxes.png": "the boxes of that answer",
    "golden_mask.png": "the mask of that answer",
    "golden_drawn.png": "the mask on the picture",
}
SHOWN = 20  # classes that are named
TEMPORARY = ("out", "resume", "hosts", "host_index", "tensorboard")  # says nothing of the training


def card(source: Source, spec: dict, report: dict, folder: Path) -> str:
    """The text of the card.

    Args:
        source: what was exported.
        spec, report: as in spec.json and report.json.
        folder: the bundle, with all other files.
    """
    parts = [
        _front(source, spec, report),
        f"# {spec['name']}\n\n{_about(source, spec)}",
        f"## Intended use\n\n{_use(source, spec)}",
        f"## Training\n\n{_training(source)}",
        f"## Measured\n\n{_measured(source, spec, report)}",
        f"## Preprocessing\n\n{_preprocessing(spec)}",
        f"## Files\n\n{_files(spec, folder)}",
        f"## Limits\n\n{_limits(source, spec, report)}",
        f"## Origin and licence\n\n{_licence(source)}",
    ]
    return "\n\n".join(parts) + "\n"


def _front(source, spec: dict, report: dict) -> str:
    """The YAML between two lines of dashes."""
    import yaml

    task, check = TASKS.get(_kind(spec)), report["verification"]
    values = {**_hub_licence(source), "library_name": "kapps"}
    if task:
        values["pipeline_tag"] = task
    tags = ["kapps", "keras", *FORMATS[spec["format"]], spec["quantize"]]
    values["tags"] = [*tags, *([source.spec["family"]] if "family" in source.spec else [])]
    if source.began and (source.began.url or "").startswith("hf://"):
        values["base_model"] = source.began.url.removeprefix("hf://")
    if source.training and source.training.settings.get("data"):
        values["datasets"] = [_short(source.training.settings["data"])]
    if judged := verify.judged(check):
        name, _, share = judged
        metric = METRICS[name]
        values["metrics"] = [metric]
        data = {"name": check["where"], "type": check["where"].split(" (")[0].partition(":")[0]}
        found = [{"type": metric, "name": name, "value": round(share, 5)}]
        result = {"task": {"type": task}, "dataset": data, "metrics": found}
        if task:
            values["model-index"] = [{"name": spec["name"], "results": [result]}]
    text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
    return f"---\n{text}---"


def _hub_licence(source) -> dict:
    """What the first lines say of the licence: that of published weights as they are."""
    known = source.began.licence if source.began and not source.training else None
    if known in (None, "not stated"):
        return {"license": "unknown"}
    if known in LICENCES:
        return {"license": LICENCES[known]}
    return {"license": "other", "license_name": "-".join(known.lower().split())}


def _kind(spec: dict) -> str:
    return "values" if spec.get("annotation") == "values" else spec["output"].get("kind", "")


def _short(address: str) -> str:
    """An address without the folders of the machine that trained."""
    scheme, colon, rest = address.partition(":")
    return f"{scheme}:{Path(rest).name}" if colon else address


def _about(source, spec: dict) -> str:
    network, described = source.spec.get("application"), source.answers.described
    article = "an" if described[0] in "aeiou" else "a"
    what = f"{network}, {article} {described}" if network else f"{article.title()} {described}"
    paper = f" {source.paper}" if source.paper else ""
    return (
        f"{what} as a {spec['format']} file in {spec['quantize']}, made by kapps {spec['kapps']} "
        f"from {source.origin}.{paper}"
    )


def _use(source, spec: dict) -> str:
    count = spec["classes"]
    does = {
        "boxes": f"It finds objects of {count} classes in a picture and frames them.",
        "masks": f"It tells which of {count} classes each pixel of a picture belongs to.",
        "values": f"It estimates {count} numbers from a picture.",
        "features": f"It turns a picture into {count} numbers, for other programs to work with.",
    }.get(_kind(spec), f"It sorts a picture into {count} classes.")
    if spec.get("annotation") == "labels":
        does = f"It says of each of {count} labels whether it fits a picture."
    lines = [does]
    if source.labels:
        shown = ", ".join(source.labels[:SHOWN])
        rest = len(source.labels) - SHOWN
        lines.append(f"The classes: {shown}{f' and {rest} more (labels.txt)' if rest > 0 else ''}.")
    lines.append(
        "It is meant for pictures like those that it learnt from. What it is to be used for beyond "
        "that, and for what not, its author has not told kapps."
    )
    return " ".join(lines)


def _training(source) -> str:
    training, began = source.training, source.began
    if training is None:
        if began is None:
            return "Unknown: the model was not trained in a run folder of kapps."
        if began.name is None:
            return "None: the weights are random."
        return (
            f"Not by kapps: these are the weights {began.name} of {began.network} as "
            f"{began.publisher or 'their file'} has them. On which pictures and how they were "
            "trained is for their publisher to say."
        )
    settings = training.settings
    data, val = settings.get("data"), settings.get("val")
    held = f"judged by {val}" if val else f"a share of {settings.get('validation', 0.2):g} held out"
    lines = [
        f"`kapps {training.job}` on {data}, {held}; Keras's backend was {training.backend}, with "
        + ", ".join(f"{name} {version}" for name, version in training.versions.items())
        + ".",
        _first_weights(began),
        "What the pictures show, who took them and under which licence is unknown to kapps.",
        f"Exported is the best of {training.epochs} epochs, number {training.best['epoch']}. The "
        "settings, without those that are empty or off:",
    ]
    import yaml

    told = {
        k: v for k, v in settings.items() if v not in (None, False, [], ()) and k not in TEMPORARY
    }
    text = yaml.safe_dump(told, sort_keys=False, allow_unicode=True)
    return "\n\n".join([*lines, f"```yaml\n{text}```"])


def _first_weights(began: Weights | None) -> str:
    if began is None:
        return "With which weights it began is unknown: the file or run that had them is not there."
    if began.name is None:
        return "It began with random weights."
    return f"It began with the weights {began.name} of {began.network}."


def _measured(source, spec: dict, report: dict) -> str:
    check = report["verification"]
    lines = [
        f"On {check['images']} images of {check['where']}, this file against the Keras model:",
        "| | Keras | this file |\n|---|--:|--:|",
    ]
    if judged := verify.judged(check):
        name, keras, exported = judged
        lines[-1] += f"\n| {name} | {keras:.2%} | {exported:.2%} |"
    else:
        lines[-1] += "\n| accuracy | not measured | not measured |"
    lines[-1] += f"\n| same answers | | {check['agreement']:.2%} |"
    lines[-1] += f"\n| largest difference of a number | | {check['max_difference']:.3g} |"
    if source.training:
        best = source.training.best
        told = [
            f"{name} {best[f'val_{name}']:.4g}"
            for name in source.training.metrics
            if best.get(f"val_{name}") is not None
        ]
        if told:
            lines.append(f"In the training, on what the epoch was chosen by: {', '.join(told)}.")
    began = source.began
    if began and began.accuracy:
        stated = ", ".join(f"{name} {share:.2%}" for name, share in began.accuracy)
        of = "these weights" if source.training is None else "the weights that it began with"
        lines.append(f"Stated of {of}, not measured here: {stated} ({began.protocol}).")
    cost = [f"{spec['macs']:,} multiply-adds a picture"] if spec.get("macs") else []
    cost += [f"{spec['bytes']:,} bytes"] if spec.get("bytes") else []
    if cost:
        if report.get("milliseconds"):
            cost.append(
                f"{report['milliseconds']:.1f} ms of one thread of the machine that made it"
            )
        lines.append(f"Cost: {', '.join(cost)}. A phone's milliseconds: `kapps benchmark`.")
    return "\n\n".join(lines)


def _preprocessing(spec: dict) -> str:
    image = spec["input"]
    shape = " x ".join("any" if n is None else str(n) for n in image["shape"])
    return (
        f"`{image['name']}`: {shape} {image['dtype']}, {image['color']}, values 0 to 255, not "
        f"normalised: the model does that. A photo: {spec['resize']['rule']}."
    )


def _files(spec: dict, folder: Path) -> str:
    rows = []
    for path in sorted(folder.iterdir(), key=lambda path: (path.name != spec["file"], path.name)):
        about = "the network" if path.name == spec["file"] else FILES.get(path.name, "")
        size = sum(f.stat().st_size for f in ([path] if path.is_file() else path.rglob("*")))
        rows.append(f"| `{path.name}` | {size:,} | {about} |")
    return "\n".join(["| file | bytes | |", "|---|--:|---|", *rows])


def _limits(source, spec: dict, report: dict) -> str:
    check, rows = report["verification"], []
    judged = verify.judged(check)
    if judged is None:
        rows.append(
            f"How often it is right was not measured: {check['where']} has no truth for it."
        )
    else:
        rows.append(f"The figures above are those of {check['images']} images.")
    if judged and judged[0] == "top-1 accuracy":  # twice the largest standard error of a share
        points = 100 / check["images"] ** 0.5
        rows[-1] += f" A share of so few is uncertain by up to {points:.1f} points."
    if spec["quantize"] != "float32" and check["drop"] is not None:
        rows.append(f"{spec['quantize']} changes the first by {-check['drop']:+.2f} points there.")
    if source.labels and _kind(spec) in ("probabilities", "logits"):
        rows.append(
            "It knows its classes only, and answers with one of them whatever the picture shows; "
            "its scores were not checked as probabilities."
        )
    rows.append(
        "Not measured: other cameras and lights, damaged pictures, differences between people or "
        "places, attacks, and time and memory on a phone."
    )
    return "\n".join(f"- {row}" for row in rows)


def _licence(source) -> str:
    began = source.began
    lines = []
    if began is None:
        lines.append("Of the weights neither origin nor licence is known to kapps.")
    elif began.name is not None:
        what = "The weights" if source.training is None else "The weights that it began with"
        where = f", published by {began.publisher}: {began.url}" if began.publisher else ""
        terms = began.licence or "unknown"
        lines.append(f"{what}: {began.name} of {began.network}{where}. Their licence: {terms}.")
    if source.training is not None:
        lines.append(
            "The licence of what was trained is its author's to state, here and in the first line; "
            "`golden.png` comes from the data and has theirs."
        )
    else:
        lines.append("`golden.png` has the licence of the data that it comes from.")
    lines.append("The code that made this file, kapps, is under Apache-2.0.")
    return " ".join(lines)
