"""What MkDocs calls while it builds: pages that are generated, charts that are drawn.

mkdocs.yml names this file. Written pages are in docs/; the pages of the jobs come from their
settings, those of the reference from docstrings, the list of families from their papers.
"""

import os
import re
import shutil
from pathlib import Path

from tools.site import charts, families, jobs, notebooks, reference

ROOT = Path(__file__).parents[2]
COPIED = {  # page -> the file of the repository that it is
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
    "security.md": "SECURITY.md",
}
OUTSIDE = re.compile(r"\[([^\]]+)\]\((?:\.\./)+((?:kapps|tests|tools)/[^)#]*)(?:#[^)]*)?\)")
CHART = re.compile(r"^```mermaid\n(.*?)^```$", re.M | re.S)
SHIM = "https://unpkg.com/iframe-worker/shim"  # which the theme would load
TEST = re.compile(r"^<!-- test: .*? -->\n", re.M)  # said to tests/test_docs.py


def on_config(config):
    """Put the generated pages into the menu."""
    shutil.rmtree(config.site_dir, ignore_errors=True)
    os.environ.setdefault("KERAS_BACKEND", "numpy")  # nothing is computed
    found = {
        "Jobs": [{"All jobs": "jobs/index.md"}, *jobs.menu()],
        "Families": [{"All families": "families/index.md"}, *families.menu()],
        "Reference": reference.menu(),
    }
    _fill(config.nav, found)
    return config


def _fill(nav: list, found: dict) -> None:
    for entry in nav:
        for title, pages in entry.items() if isinstance(entry, dict) else ():
            if title in found:
                entry[title] = found[title]
            elif isinstance(pages, list):
                _fill(pages, found)


def on_files(files, config):
    """Add the generated pages."""
    from mkdocs.structure.files import File

    pages = {name: (ROOT / source).read_text("utf-8") for name, source in COPIED.items()}
    pages |= jobs.pages() | families.pages() | reference.pages()
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown, page, config, files):
    """Draw the charts; a link to a source file becomes its name, for the site has no sources."""
    text = TEST.sub("", markdown)
    text = OUTSIDE.sub(r"\1 (`\2`)", text)
    text = re.sub(r"\]\((?:\.\./)*docs/", "](", text) if page.file.src_uri in COPIED else text
    for name, source in COPIED.items():
        text = text.replace(f"](../{source})", f"]({name})").replace(f"]({source})", f"]({name})")
    source = ROOT / "docs" / page.file.src_uri
    if source in notebooks.pages():
        up = "../" * page.file.src_uri.count("/")
        text += f"\n[This page as a notebook]({up}notebooks/{source.stem}.ipynb), for Colab too.\n"
    return CHART.sub(lambda match: charts.picture(match[1], page.title or ""), text)


def on_post_page(output, page, config):
    """What the search needs where there is no server is beside it, not on someone else's."""
    from mkdocs.utils import get_relative_url

    return output.replace(SHIM, get_relative_url("offline.js", page.url))


def on_post_template(output_content, template_name, config):
    """The same for the page of a server that finds nothing."""
    return output_content.replace(SHIM, "/offline.js")
