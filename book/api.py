"""What the pages of names need beside Sphinx's own: sockets, second names, labels that are links.

A Sphinx extension, which `make book` loads.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

from docutils.nodes import document
from sphinx.addnodes import desc_signature
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.ext.autodoc import DataDocumenter, FunctionDocumenter, ModuleDocumenter
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.inspect import safe_getattr

import tvbi_ref
from tvbi_ref.equations import EQUATIONS, Socket
from tvbi_ref.school import checks

LABEL = re.compile(rf"(?<![`\w])\[({'|'.join(map(re.escape, EQUATIONS))})\]")
SIGN = re.compile(r"\||(?<=\w)_(?=[\s,.;:)]|$)")
FLAG = re.compile(r" *# doctest:.*")
LINK_TO_CODE = re.compile(r"\[`(\w+)`\]\((?:\.\./)*(tvbi_ref/[\w/]+)\.py\)")
NAME = re.compile(r"(?<!`)`(tvbi_ref(?:\.\w+)+)`(?!`)")


class SocketDocumenter(FunctionDocumenter):
    """A socket is shown as the function that stands in the file."""

    objtype = "socket"
    directivetype = "function"
    priority = FunctionDocumenter.priority + 10

    @classmethod
    def can_document_member(cls, member: Any, *_: Any) -> bool:
        """Return whether it is a socket."""
        return isinstance(member, Socket)

    def import_object(self, raiseerror: bool = False) -> bool:
        """Import the socket and go on with its readable form."""
        found = super().import_object(raiseerror)
        self.object = getattr(self.object, "readable", self.object)
        return found


class ConstantDocumenter(DataDocumenter):
    """A constant of a package has its words in the file that it comes from."""

    objtype = "constant"
    directivetype = "data"
    priority = DataDocumenter.priority + 10

    @classmethod
    def can_document_member(cls, member: Any, name: str, isattr: bool, parent: Any) -> bool:
        """Return whether it is a constant."""
        return isinstance(parent, ModuleDocumenter) and name.isupper()

    def get_doc(self) -> list[list[str]]:
        """Return the words below it; its value if there are none."""
        key = ("", self.objpath[-1])
        for name, module in list(sys.modules.items()):
            if name.startswith(self.modname) and vars(module).get(key[1]) is self.object:
                words = ModuleAnalyzer.for_module(name).find_attr_docs().get(key)
                if words:
                    return [words]
        return [[f"``{self.object!r:.70}``"]]


def skip(app: Sphinx, what: str, name: str, thing: Any, skipped: bool, options: Any) -> bool | None:
    """Leave out what scikit-learn adds to every estimator, and take constants in."""
    if what == "module" and name.isupper():
        return False
    return True if re.fullmatch(r"set_\w+_request", name) else None


def mend(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Make labels links to their equations, and signs that mean something in mathematics text."""
    example = False
    for k, line in enumerate(lines):
        example = bool(line.strip()) and (example or line.lstrip().startswith(">>>"))
        if example:
            lines[k] = FLAG.sub("", line)
        elif "``" not in line:
            line = SIGN.sub(r"\\\g<0>", line)
            lines[k] = LABEL.sub(r"`[\1] <../../docs/EQUATIONS.html#\1>`__", line)


def link_names(app: Sphinx, page: str, source: list[str]) -> None:
    """Make the names of the package in the guides links to where they are documented."""
    if page.startswith("docs/"):
        text = LINK_TO_CODE.sub(
            lambda m: f"{{py:obj}}`{m[1]} <{m[2].replace('/', '.')}.{m[1]}>`", source[0]
        )
        source[0] = NAME.sub(r"{py:obj}`\1`", text)


def second_names(name: str) -> Iterator[str]:
    """Yield under which other names something that is documented can be imported."""
    thing: Any = tvbi_ref
    *parts, short = name.split(".")[1:]
    for part in parts:
        thing = safe_getattr(thing, part, None)
    member = safe_getattr(thing, short, None)
    if hasattr(member, "readable") or hasattr(member, "__qualname__"):
        code = getattr(member, "readable", member)
        yield f"{code.__module__}.{code.__qualname__}"
    elif hasattr(thing, "__qualname__"):  # a property
        yield f"{thing.__module__}.{thing.__qualname__}.{short}"
    if short in tvbi_ref.__all__ and getattr(tvbi_ref, short) is member:
        yield f"tvbi_ref.{short}"
    for nick, home in tvbi_ref._MODULES.items():
        if f"{name}.".startswith(f"tvbi_ref.{home}."):
            yield f"tvbi_ref.{nick}{name.removeprefix(f'tvbi_ref.{home}')}"


def add_anchors(app: Sphinx, doctree: document) -> None:
    """Let what is documented be found under its other names, too."""
    for entry in doctree.findall(desc_signature):
        if entry.get("module"):
            names = second_names(f"{entry['module']}.{entry['fullname']}")
            entry["ids"] += [name for name in names if name not in entry["ids"]]


def note_second_names(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Let references by every name under which something can be imported lead to its one entry."""
    names = env.get_domain("py").data
    for name, entry in list(names["objects"].items()):
        for second in second_names(name):
            names["objects"].setdefault(second, entry._replace(aliased=True))
            if name in names["modules"]:
                names["modules"].setdefault(second, names["modules"][name])
    # The way back from a page of code asks for the name under which its module is imported.
    sources = getattr(env, "_viewcode_modules", {})
    sources |= {name: (*source[:3], name) for name, source in sources.items() if source}
    return []


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect all of it."""
    # Autodoc sees what a module has, not what it would import when asked.
    vars(checks).update({name: getattr(checks, name) for name in checks.__all__})
    app.add_autodocumenter(SocketDocumenter)
    app.add_autodocumenter(ConstantDocumenter)
    app.connect("autodoc-skip-member", skip)
    app.connect("autodoc-process-docstring", mend, priority=600)
    app.connect("doctree-read", add_anchors)
    app.connect("source-read", link_names)
    app.connect("env-updated", note_second_names, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
