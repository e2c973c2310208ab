"""Whether all links and pictures of the built book lead somewhere, and all names have an entry.

`make book` runs it, without a network. Exit status 1 and a list if something is missing.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import tvbi_ref
from tvbi_ref.equations import EQUATIONS

PAGES = (Path(__file__).parent / "_build" / "html").resolve()


class Page(HTMLParser):
    """What a page links to, and the places in it that can be linked to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.places: set[str] = set()
        self.titles: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag's link and name."""
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.targets.append(value)
            if name in ("id", "name") and value:
                self.places.add(value)
            if name == "title" and value:
                self.titles.add(value)


def broken(pages: dict[Path, Page]) -> Iterator[str]:
    """Yield a line for each local link without a file, or without the place in it."""
    for path, page in pages.items():
        for link in dict.fromkeys(page.targets):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            known = pages[target].places if target in pages else set()
            misses_place = target in pages and unquote(parts.fragment) not in known | {""}
            if not target.is_file() or misses_place:
                yield f"{path.relative_to(PAGES)}: {link}"


def unnamed(pages: dict[Path, Page]) -> Iterator[str]:
    """Yield a line for each public name and each equation's function without an entry."""
    listed = set(pages[PAGES / "book" / "api" / "index.html"].titles)
    for name in tvbi_ref.__all__:
        if f"tvbi_ref.{name}" not in listed and not name.startswith("__"):
            yield f"book/api/index.html: no link to {name}"
    entries = {place for page in pages.values() for place in page.places}
    for name in filter(None, tvbi_ref._MODULES.values()):
        module = importlib.import_module(f"tvbi_ref.{name}")
        for public in getattr(module, "__all__", ()):
            full = f"tvbi_ref.{name}.{public}"
            if not {full, f"module-{full}"} & entries:
                yield f"book/api: no entry for {full}"
    linked = set(pages[PAGES / "docs" / "EQUATIONS.html"].titles)
    for equation in EQUATIONS.values():
        function = equation.function.readable
        if f"{function.__module__}.{function.__name__}" not in linked:
            yield f"docs/EQUATIONS.html: [{equation.label}] has no link to its function"


def main() -> int:
    """Print what is broken."""
    files = (path for path in PAGES.rglob("*.html") if "_static" not in path.parts)
    pages = {path.resolve(): Page(path) for path in files}
    found = [*broken(pages), *unnamed(pages)]
    print("\n".join(found) or f"{len(pages)} pages, no broken links, no name without an entry")
    return int(bool(found) or not pages)


if __name__ == "__main__":
    sys.exit(main())
