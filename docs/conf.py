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
PUBLIC = ("clientmgmt", "clientmgmt.errors", "clientmgmt.domain", "clientmgmt.ports", "clientmgmt.serialization",
          "clientmgmt.testing")  # fmt: skip
FOREIGN = ("argon2", "attr", "attrs", "cattrs", "email_validator", "hypothesis", "psycopg", "pytest", "sqlalchemy")

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
nitpick_ignore_regex = [("py:.*", rf"({'|'.join({*sys.stdlib_module_names, *FOREIGN})})(\..+)?")]

html_theme = "furo"
html_title = f"{project} {version}"
html_extra_path = ["llms.txt"]


def public_names() -> dict[str, str]:
    """Where a thing is defined -> where users import it from; the most specific public module wins."""
    names = {}
    for module in PUBLIC:
        namespace = vars(importlib.import_module(module))
        for name in namespace["__all__"]:
            thing = namespace[name]
            names[f"{getattr(thing, '__module__', module)}.{getattr(thing, '__qualname__', name)}"] = f"{module}.{name}"
    return names


def link_public_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement
) -> nodes.Element | None:
    """Resolve a reference to a private module, as annotations have them, to the public name of the same thing."""
    public = PUBLIC_NAMES.get(node.get("reftarget", ""))
    if node.get("refdomain") != "py" or public is None:
        return None
    return env.domains.python_domain.resolve_xref(
        env, node["refdoc"], app.builder, node["reftype"], public, node, content
    )


PUBLIC_NAMES = public_names()


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("missing-reference", link_public_name)
