"""How `make docs` makes a site of docs/, lessons/, the benchmarks' reports and the project's pages.

Sphinx reads from the project's root, so that a link is the same on the site as in the repository.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

import upright

project, author = "Upright", "The Upright developers"
copyright = author  # noqa: A001
version = release = upright.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    # this project's own, in extensions/
    "broken_links",
    "command_reference",
    "docstrings",
    "file_pages",
    "mathml",
    "settings_reference",
]
root_doc = "docs/index"
include_patterns = [
    "docs/**.md",
    "lessons/*.ipynb",
    "benchmarks/*.md",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
]
exclude_patterns = [".*", "build", "dist", "runs", "src", "tests", "fuzz"]
highlight_language, default_role = "none", "literal"

myst_enable_extensions = ["dollarmath", "html_image"]
myst_heading_anchors = 4
myst_update_mathjax = False
# Lessons are run once, whatever the language: what is kept is found by the code alone.
nb_execution_mode, nb_execution_cache_path = "cache", str(Path("build/lessons").absolute())
nb_execution_raise_on_error, nb_execution_timeout = True, 600
html_math_renderer = "mathml"

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
python_use_unqualified_type_names = True
# Others' types stand in signatures; their pages are not asked for, since a build needs no network.
nitpick_ignore_regex = [
    ("py:.*", r"(?!upright\.).*"),
    ("py:.*", r"upright\.(envs\.composition|policy\.layers|learning\.algorithm\.SettingsT).*"),
    ("py:class", r"upright\.runs\.run\.Run"),
]

html_theme = "pydata_sphinx_theme"
html_title = "Upright"
html_static_path, templates_path = ["static"], ["templates"]
html_extra_path = ["extra"]
html_css_files = ["upright.css"]
html_copy_source = html_show_sourcelink = False
html_sidebars = {"**": ["all-pages"]}
html_theme_options = {
    "show_prev_next": False,
    "navigation_with_keys": False,
    "navbar_center": [],
    "secondary_sidebar_items": ["page-toc"],
    "article_header_start": [],
    "footer_start": ["copyright"],
    "footer_end": [],
}
copybutton_exclude = ".linenos, .gp, .go"
