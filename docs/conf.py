"""How Sphinx builds the documentation: strictly, and without loading anything from elsewhere."""

from __future__ import annotations

import builtins
import importlib
import inspect
import sys
import tomllib
from pathlib import Path

from docutils import nodes
from pygments.lexers.special import TextLexer
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.ext.napoleon import GoogleDocstring
from sphinx.util.logging import getLogger

PROJECT = tomllib.loads(Path(__file__).parents[1].joinpath("pyproject.toml").read_text("utf-8"))["project"]
# Where classes and functions are documented: each in the first of these that has it.
PUBLIC = (
    "clientmgmt",
    "clientmgmt.errors",
    "clientmgmt.domain",
    "clientmgmt.ports",
    "clientmgmt.serialization",
    "clientmgmt.testing",
    "clientmgmt.testing.blocking",
    "clientmgmt.testing.conformance",
    "clientmgmt.testing.kit",
    "clientmgmt.testing.machine",
    "clientmgmt.testing.strategies",
    "clientmgmt.adapters.argon2",
    "clientmgmt.adapters.console",
    "clientmgmt.adapters.links",
    "clientmgmt.adapters.memory",
    "clientmgmt.adapters.schemes",
    "clientmgmt.adapters.scrypt",
    "clientmgmt.adapters.smtp",
    "clientmgmt.adapters.sqlalchemy",
    "clientmgmt.adapters.sqlalchemy.django",
    "clientmgmt.adapters.system",
    "clientmgmt.adapters.threads",
    "clientmgmt.adapters.wordlist",
    "clientmgmt._manager",
)
FOREIGN = ("attr", "attrs", "cattrs", "email_validator", "hypothesis", "psycopg", "pytest", "sqlalchemy")

project = PROJECT["name"]
author = copyright = PROJECT["authors"][0]["name"]
version = release = PROJECT["version"]

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_default_options = {
    "members": True,
    "imported-members": True,
    "undoc-members": True,
    "show-inheritance": True,
}
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88

nitpicky = True
nitpick_ignore_regex = [
    # There are no inventories of other projects, since building needs no network: their names are not links.
    ("py:.*", rf"({'|'.join({*sys.stdlib_module_names, *FOREIGN})})(\..+)?"),
    # What starts with an underscore has no page; it shows in signatures that only this package calls.
    ("py:class", r"clientmgmt\.(\w+\.)*_\w+\.\w+"),
    # A type variable has no place of its own.
    ("py:.*", r"clientmgmt(\.\w+)+\.[A-Z]\d?(_co|_contra)?"),
]

html_theme = "furo"
html_title = f"{project} {version}"
html_extra_path = ["llms.txt"]


def home_of_data(name: str, thing: object) -> str:
    """Where a constant or a type alias is defined: only there Sphinx finds its docstring."""
    return min(
        f"{module}.{name}"
        for module, loaded in sys.modules.items()
        if module.startswith("clientmgmt.") and not hasattr(loaded, "__path__")
        if name in getattr(loaded, "__all__", ()) and getattr(loaded, name) is thing
    )


def public_names() -> dict[str, str]:
    """Every name that code or a docstring may use for a public thing -> the name it is documented under.

    The names are the bare one, that of each public module, and that of the module where it is defined.
    """
    names: dict[str, str] = {}
    for module in map(importlib.import_module, PUBLIC):
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.isclass(thing) or inspect.isroutine(thing):
                defined = f"{thing.__module__}.{thing.__qualname__}"
                home = names.get(defined, f"{module.__name__}.{name}")
            else:
                defined = home = home_of_data(name, thing)
            names |= {name: home, defined: home, f"{module.__name__}.{name}": home}
    return names


NAMES = public_names()


def skip_what_stands_elsewhere(
    app: Sphinx, what: str, name: str, thing: object, skip: bool, options: object
) -> bool | None:
    """Document a thing that several modules export only once."""
    exported = f"{app.env.current_document.autodoc_module}.{name}"
    return True if what == "module" and NAMES.get(exported, exported) != exported else None


def unlink_builtins(app: Sphinx, doctree: nodes.document) -> None:
    """Keep ``list[Client]`` in an annotation from becoming a link to a method that is called ``list``."""
    for node in list(doctree.findall(pending_xref)):
        if node.get("refdomain") == "py" and node["reftarget"] in vars(builtins):
            node.replace_self(nodes.Text(node["reftarget"]))


def link_public_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement
) -> nodes.Element | None:
    """Resolve a name that Sphinx does not know, of a thing or of its member, to the documented name."""
    target = node.get("reftarget", "")
    owner, _, member = target.rpartition(".")
    home = NAMES.get(target) or (owner in NAMES and f"{NAMES[owner]}.{member}")
    if node.get("refdomain") != "py" or not home:
        return None
    return env.domains.python_domain.resolve_xref(env, node["refdoc"], app.builder, "obj", home, node, content)


def miss_public_names(app: Sphinx, env: BuildEnvironment) -> None:
    """Warn about public names that no page describes."""
    for name in sorted(set(NAMES.values()) - set(env.domains.python_domain.objects)):
        getLogger(__name__).warning("public, but on no page: %s", name)


def hide_private_bases(app: Sphinx, name: str, thing: object, options: object, bases: list[type]) -> None:
    """Show no base class that users cannot import."""
    shown = [base for base in bases if f"{base.__module__}.{base.__qualname__}" in NAMES]
    bases[:] = shown or [base for base in bases if not base.__module__.startswith("clientmgmt")] or [object]


def hide_private_arguments(
    app: Sphinx,
    what: str,
    name: str,
    thing: object,
    options: object,
    signature: str | None,
    returns: str | None,
) -> tuple[str, str | None] | None:
    """Show no constructor that only the package itself can call."""
    return ("", returns) if what == "class" and "clientmgmt._" in (signature or "") else None


def read_sections(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Turn sections such as ``Args:`` and ``Raises:`` into field lists; accept no docstring of the mere type.

    The napoleon extension itself takes words before a colon for a type, in the docstring of an attribute.
    """
    if what in {"class", "exception", "function", "method"}:
        lines[:] = GoogleDocstring(lines, what=what).lines()
    if what == "data" and "".join(lines).split() == "".join((type(thing).__doc__ or "").splitlines()).split():
        lines.clear()
        getLogger(__name__).warning("public, but without a docstring of its own: %s", name)


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.add_lexer("mermaid", TextLexer)  # diagrams are shown as their text: nothing is loaded to draw them
    app.connect("autodoc-process-bases", hide_private_bases)
    app.connect("autodoc-process-docstring", read_sections)
    app.connect("autodoc-process-signature", hide_private_arguments)
    app.connect("autodoc-skip-member", skip_what_stands_elsewhere)
    app.connect("doctree-read", unlink_builtins)
    app.connect("env-check-consistency", miss_public_names)
    app.connect("missing-reference", link_public_name)
