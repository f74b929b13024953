"""The book: notebooks executed on the committed records, pages written from them, and the HTML.

`python -m pruneproxy.book` does all of it; only files below the output folder's `_build` are written.
"""
