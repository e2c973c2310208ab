"""Whether every link and picture of the built book leads somewhere, without a network.

`make book` runs it. Exit status 1 and a list if there is a broken one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

PAGES = (Path(__file__).parent / "_build" / "html").resolve()


class Page(HTMLParser):
    """What a page links to, and the places in it that can be linked to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.places: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag's link and name."""
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.targets.append(value)
            if name in ("id", "name") and value:
                self.places.add(value)


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


def main() -> int:
    """Print what is broken."""
    files = (path for path in PAGES.rglob("*.html") if "_static" not in path.parts)
    pages = {path.resolve(): Page(path) for path in files}
    found = list(broken(pages))
    print("\n".join(found) or f"{len(pages)} pages, no broken links")
    return int(bool(found) or not pages)


if __name__ == "__main__":
    sys.exit(main())
