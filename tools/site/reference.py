"""The pages of the reference: every public module, read by mkdocstrings without importing it."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
AREAS = {  # a folder of kapps -> what its modules are
    "applications": "the registry; the families have pages of their own",
    "data": "data sets in, batches out",
    "detection": "boxes, anchors, matchers, losses",
    "export": "files for phones, verified",
    "inspect": "look into a model",
    "layers": "blocks and layers",
    "models": "what a job's `model` names: found, loaded, exported, timed",
    "segmentation": "masks as arrays",
    "tasks": "what is learnt",
    "training": "the engine",
    "weights": "published weights",
}
LEFT_OUT = ("kernels", "dialects", "tables", "configs")


def modules(area: str) -> list[str]:
    """Names of the public modules of an area that have something public in them."""
    folder = ROOT / "kapps" / area
    if area == "applications":  # a family is read in its file, and described on its page
        names = ("imagenet_utils", "named", "open_vocabulary")
        return [f"kapps.applications.{name}" for name in names]
    found = []
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        if any(part.startswith("_") or part in LEFT_OUT for part in parts) or not _public(path):
            continue
        found.append(".".join(("kapps", area, *parts)))
    return found


def _public(path: Path) -> bool:
    kinds = (ast.FunctionDef, ast.ClassDef)
    body = ast.parse(path.read_text("utf-8")).body
    return any(isinstance(node, kinds) and not node.name.startswith("_") for node in body)


def menu() -> list[dict]:
    """Entries of the menu."""
    areas = [{f"kapps.{area}": f"reference/{area}.md"} for area in AREAS]
    return [{"Reference": "reference/index.md"}, *areas]


def pages() -> dict[str, str]:
    """Page -> its Markdown."""
    lines = [f"| [`kapps.{area}`]({area}.md) | {says} |" for area, says in AREAS.items()]
    found = {
        "reference/index.md": "# Reference\n\n| package | what is in it |\n|---|---|\n"
        + "\n".join(lines)
        + "\n\n## At the front door\n\n"
        + "\n\n".join(
            f"::: {name}\n    options:\n      show_root_full_path: false\n"
            for name in (
                "kapps.applications._registry.list_models",
                "kapps.applications._registry.find_application",
                "kapps.applications._application.Application",
                "kapps.applications._application.Flavor",
                "kapps._transforms.create_transform",
                "kapps.applications._heads.replace_head",
                "kapps.detection.predicting.detections",
                "kapps.training.trainer.fit",
            )
        )
    }
    for area, says in AREAS.items():
        text = f"# kapps.{area}\n\n{says[0].upper()}{says[1:]}.\n\n"
        for module in modules(area):
            text += f"::: {module}\n\n"
        found[f"reference/{area}.md"] = text
    return found
