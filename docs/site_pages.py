"""What MkDocs adds to the pages of this folder: other files of the repository that they link to.

A page of the repository beyond ``docs/``, such as ``THREAT_MODEL.md``, becomes the page
``repository/THREAT_MODEL.md`` of the site, and so does every file that a page links to. Source is
shown as a block of code, a notebook as its cells with their output. Links work in the repository,
and are rewritten for the site.
"""

import json
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
ENTRIES = ("README.md", "THREAT_MODEL.md", "CONTRIBUTING.md", "CHANGELOG.md", "examples/README.md",
           "examples/runs.ipynb", "bench/RESULTS.md")  # fmt: skip
"""Pages of the repository that the navigation names."""
LINK = re.compile(r"(?<=\]\()(?!https?:|#|mailto:|data:)([^)#\s]+)(#[^)]*)?(?=\))")
FENCED = re.compile(r"^(`{3,}).*?^\1$\n?", re.MULTILINE | re.DOTALL)
WITHIN_ITEM = re.compile(r"^ {2,3}(?=\S)", re.MULTILINE)
"""Within an item of a list, GitHub indents by the width of the marker, MkDocs by four."""
IMAGES = {".png", ".svg", ".jpg"}
LANGUAGES = {".py": "python", ".yaml": "yaml", ".toml": "toml"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the repository, and what these and those of ``docs/`` link to."""
    docs = Path(config.docs_dir).name
    waiting = [*ENTRIES, *(f"{docs}/{file.src_uri}" for file in files.documentation_pages())]
    seen = set(waiting)
    while waiting:
        path = waiting.pop()
        if not path.startswith(f"{docs}/"):
            files.append(_page(path, config))
        for target in _targets(path):
            if target not in seen and (ROOT / target).exists():
                seen.add(target)
                waiting.append(target)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links to the pages of the site, and indent lists as MkDocs reads them."""
    del files
    here = _place_in_repository(page.file.src_uri, Path(config.docs_dir).name)

    def pointed(link: re.Match[str]) -> str:
        target = _resolved(here, link[1])
        if not (ROOT / target).exists():
            return link[0]  # strict builds report it
        start = posixpath.dirname(page.file.src_uri)
        return posixpath.relpath(_place_on_site(target), start or ".") + (link[2] or "")

    return "".join(
        text if text.startswith("```") else WITHIN_ITEM.sub("    ", LINK.sub(pointed, text))
        for text in _fenced_and_other(markdown)
    )


def _fenced_and_other(markdown: str) -> Iterator[str]:
    """Yield the text between blocks of code, and the blocks, in order."""
    end = 0
    for block in FENCED.finditer(markdown):
        yield markdown[end : block.start()]
        yield block[0]
        end = block.end()
    yield markdown[end:]


def _page(path: str, config: MkDocsConfig) -> File:
    """Return a file of the repository as a page of the site."""
    source, uri = ROOT / path, _place_on_site(path)
    if source.suffix in IMAGES:
        return File.generated(config, uri, abs_src_path=str(source))
    level = InclusionLevel.INCLUDED if path in ENTRIES else InclusionLevel.NOT_IN_NAV
    return File.generated(config, uri, content=_text(source, path), inclusion=level)


def _text(file: Path, path: str) -> str:
    if file.is_dir():
        names = sorted(f"{one.name}/" if one.is_dir() else one.name for one in file.iterdir())
        listed = "\n".join(f"- `{name}`" for name in names if name[0] not in "._")
        return f"# {path}\n\n{listed}\n"
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".md":
        return text
    if file.suffix == ".ipynb":
        return "\n\n".join(_cells(text))
    language = LANGUAGES.get(file.suffix, "text")
    return f"# {path}\n\n``````{language}\n{text}\n``````\n"


def _cells(notebook: str) -> Iterator[str]:
    """Yield the cells of a notebook, and what each printed, as Markdown."""
    for cell in json.loads(notebook)["cells"]:
        source = "".join(cell["source"])
        yield source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```"
        for output in cell.get("outputs", []):
            data = output.get("data", {"text/plain": output.get("text", "")})
            if "image/png" in data:
                yield f"![output](data:image/png;base64,{''.join(data['image/png']).strip()})"
            else:
                yield f"```text\n{''.join(data['text/plain'])}\n```"


def _targets(path: str) -> Iterator[str]:
    """Yield what a page of the repository links to, as paths from its root."""
    file = ROOT / path
    if file.suffix == ".md" and file.is_file():
        for link in LINK.finditer(file.read_text(encoding="utf-8")):
            yield _resolved(path, link[1])


def _resolved(here: str, target: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(here), target))


def _place_on_site(path: str) -> str:
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    suffix = Path(path).suffix
    page = path if suffix == ".md" or suffix in IMAGES else f"{path}.md"
    return f"repository/{page}"


def _place_in_repository(uri: str, docs: str) -> str:
    return uri.removeprefix("repository/") if uri.startswith("repository/") else f"{docs}/{uri}"
