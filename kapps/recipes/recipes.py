"""List the configurations that come with kapps: published recipes, and presets for fine-tuning.

kapps recipes
kapps recipes resnet50
kapps train --config resnet50 --data folder:imagenet epochs=30
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from kapps.cli.settings import main, setting

FOLDER = Path(__file__).parent / "configs"


@dataclass(frozen=True)
class Settings:
    """Which of them."""

    name: str | None = setting(None, "print this one whole", positional=True)
    json: bool = setting(False, "print JSON instead of a table")


def run(settings: Settings) -> list[dict]:
    """Print the configurations, or one of them.

    Returns:
        [{"name", "job": "train" or "finetune", "about": its first sentence, "result": what it gives
        and whether that is cited or was measured, "path"}]

    Raises:
        SettingsError: there is none of that name.
    """
    from kapps.cli.settings import find_config

    if settings.name is not None:
        paths = [find_config(settings.name)]
    else:
        paths = sorted(FOLDER.glob("*.yaml"))
    found = [describe(path) for path in paths]
    if settings.json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
    elif settings.name is not None:
        print(paths[0].read_text("utf-8"), end="")
    else:
        _print(found)
    return found


def describe(path: Path) -> dict:
    """What the header of a configuration says, see `run`."""
    header = []
    for line in path.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            break
        header.append(line.strip("# "))
    paragraphs = "\n".join(header).split("\n\n")
    about, command = (" ".join(text.split()) for text in paragraphs[:2])
    result = " ".join(" ".join(paragraphs[2:]).split())
    job = command.split()[1]
    return {
        "name": path.stem,
        "job": job,
        "about": about,
        "command": command,
        "result": result,
        "path": str(path),
    }


def _print(found: list[dict]) -> None:
    from kapps.recipes import _tables

    for job in ("train", "finetune"):
        rows = [(row["name"], row["about"]) for row in found if row["job"] == job]
        _tables.print_table(("name", "what it is"), rows, title=f"kapps {job} --config NAME")
    print(
        "kapps recipes NAME prints one; settings after it win: kapps train --config NAME epochs=30"
    )


if __name__ == "__main__":
    sys.exit(main(Settings, run))
