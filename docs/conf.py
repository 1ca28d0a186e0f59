"""How `make docs` makes the documentation a site: Sphinx, on the files as they are in the repository."""

import re
import runpy
import sys
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "lib"))

from jobbag import __version__  # noqa: E402

project = "pegasus-aws-batch"
version = release = __version__
extensions = ["myst_parser"]
root_doc = "README"
include_patterns = [
    "*.md",
    "docs/*.md",
    "examples/*.md",
    "examples/*/*.md",
    "bench/README.md",
    "bench/results/*.md",
    "man/manual.rst",
]
exclude_patterns = [".*", "build", "dist", "lib", "run", "tests"]
myst_heading_anchors = 3
highlight_language = "text"

html_theme = "furo"
html_title = f"{project} {release}"
html_static_path, html_css_files = ["site.css"], ["site.css"]
html_show_copyright = html_show_sphinx = html_copy_source = False

# What leads through the site stands in no file, as a forge would show it as text.
CONTENTS = """
```{toctree}
:hidden:

Manual <man/manual>
examples/README
docs/from-the-java-tool
docs/api
docs/iam
docs/errors
SECURITY
docs/design
CONTRIBUTING
docs/releasing
bench/README
CHANGELOG
```
"""
EXAMPLES = """
```{toctree}
:hidden:
:glob:

*/README
```
"""
RESULTS = EXAMPLES.replace("*/README", "results/*")


def as_pages(app: Sphinx, name: str, content: list[str]) -> None:
    """Add what leads through the site, and let links to the manual page lead to the manual; `content`: one text."""
    del app
    text = content[0]
    if name == "man/manual":
        text = "======\nManual\n======\n" + text[text.index(".. The source") :]
    more = {"README": CONTENTS, "examples/README": EXAMPLES, "bench/README": RESULTS}
    content[0] = re.sub(r"\]\(((\.\./)*man)/[\w-]+\.1\)", r"](\1/manual.rst)", text) + more.get(name, "")


def setup(app: Sphinx) -> None:
    """Known to Sphinx by this name."""
    for name, directive in runpy.run_path(str(ROOT / "man" / "generate.py"))["DIRECTIVES"].items():
        app.add_directive(name, directive)
    app.connect("source-read", as_pages)
