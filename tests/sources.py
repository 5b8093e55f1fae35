"""The code of the daemon, read once and parsed once for all tests that look into it."""

import ast
from functools import cache
from pathlib import Path

SOURCES = {path: path.read_text("utf-8") for path in sorted(Path("daemon").rglob("*.py"))}


@cache
def parsed(source: str) -> ast.Module:
    """Its syntax tree, which nobody may change: the next test gets the same."""
    return ast.parse(source)
