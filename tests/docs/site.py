"""A hook of MkDocs: what stands outside `docs/` becomes part of the site, so that every link of it is checked."""

import re
from pathlib import Path
from typing import Any, Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT: Final = Path(__file__).parents[2]

OUTSIDE: Final = (
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "SECURITY.md",
    "examples/key-lifecycle/handlers/__init__.py",
    "examples/key-lifecycle/handlers/lifecycle.py",
    "examples/key-lifecycle/openapi.json",
    "openapi.json",
    "requirements.lock",
    "deploy/Containerfile",
    "deploy/patroni/README.md",
    "deploy/patroni/patroni.yml",
    "deploy/systemd/imtegrate.service",
)
"""Files of the repository that guides link to."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what stands outside; the README is the first page."""
    files.append(File.generated(config, "index.md", abs_src_path=str(ROOT / "README.md")))
    for path in OUTSIDE:
        files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: object) -> str:
    """Links into `docs/` and out of it lead to where the site has the page."""
    markdown = re.sub(r"\]\(docs/", "](", markdown)
    return markdown if "/" in page.file.src_uri else re.sub(r"\]\(\.\./", "](", markdown)
