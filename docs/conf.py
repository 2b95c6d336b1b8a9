"""How Sphinx builds the documentation: strictly, and without loading anything from elsewhere."""

from __future__ import annotations

import importlib
import sys
import tomllib
from pathlib import Path

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

PROJECT = tomllib.loads(Path(__file__).parents[1].joinpath("pyproject.toml").read_text("utf-8"))["project"]
PUBLIC = ("", ".errors", ".domain", ".ports", ".serialization", ".testing")
FOREIGN = ("attr", "attrs", "cattrs", "email_validator", "hypothesis", "psycopg", "pytest", "sqlalchemy")

project = PROJECT["name"]
author = copyright = PROJECT["authors"][0]["name"]
version = release = PROJECT["version"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "imported-members": True, "show-inheritance": True}
autodoc_typehints_format = "short"
napoleon_numpy_docstring = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88

nitpicky = True
# There are no inventories of other projects, since building needs no network: their names are not links.
nitpick_ignore_regex = [
    ("py:.*", rf"({'|'.join({*sys.stdlib_module_names, *FOREIGN})})(\..+)?"),
    ("py:.*", r"clientmgmt(\.\w+)+\.[A-Z]\d?(_co|_contra)?"),  # a type variable has no page of its own
]

html_theme = "furo"
html_title = f"{project} {version}"
html_extra_path = ["llms.txt"]


def public_names() -> dict[str, str]:
    """How code and docstrings call a thing -> where users import it from.

    Annotations have the name of the module where it is defined, docstrings have the bare name. If several modules
    of ``PUBLIC`` have it, the last of them wins.
    """
    names = {}
    for suffix in PUBLIC:
        module = importlib.import_module(f"clientmgmt{suffix}")
        for name in module.__all__:
            thing = getattr(module, name)
            defined = getattr(thing, "__module__", module.__name__), getattr(thing, "__qualname__", name)
            names[name] = names[".".join(defined)] = f"{module.__name__}.{name}"
    return names


PUBLIC_NAMES = public_names()


def link_public_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement
) -> nodes.Element | None:
    """Resolve a name that Sphinx does not know, of a thing or of its member, to the public name."""
    target = node.get("reftarget", "")
    owner, _, member = target.rpartition(".")
    public = PUBLIC_NAMES.get(target) or (owner in PUBLIC_NAMES and f"{PUBLIC_NAMES[owner]}.{member}")
    if node.get("refdomain") != "py" or not public:
        return None
    return env.domains.python_domain.resolve_xref(
        env, node["refdoc"], app.builder, "obj", public, node, content
    )


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("missing-reference", link_public_name)
