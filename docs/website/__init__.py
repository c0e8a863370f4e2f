"""How the documentation site is built: `make docs` runs docs/build_site.py, which uses the modules of this folder.

contents.py      the sections of the site, and which page belongs to which
executed.py      the Python snippets and the tables of the pages of theory, run and computed
derivations.py   the tables of a hand-derived cell: equation, code line, numbers
lab_pages.py     a page for each lab, from what run_lab.py recorded in a process of its own
reference.py     the pages of the API reference
docstrings.py    docstrings as Markdown and as reStructuredText
sources.py       the sources that Sphinx reads, in one folder for each language
extension.py     what Sphinx needs beside its own: equations by KaTeX, search in Chinese, the language switch
conf.py          Sphinx's configuration; static/ and templates/ belong to it
"""
