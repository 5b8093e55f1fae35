"""Every error code that the code can raise, found in its syntax tree."""

import ast
from collections.abc import Iterable, Iterator

ROOT = "QiaodError"


def errors_in(trees: Iterable[ast.AST]) -> set[str]:
    """Names of the classes below QiaodError, however deep and wherever they are."""
    parents: dict[str, set[str]] = {}
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                names = {base.id if isinstance(base, ast.Name) else getattr(base, "attr", "") for base in node.bases}
                parents.setdefault(node.name, set()).update(names)
    known = {ROOT}
    while grown := {name for name, bases in parents.items() if bases & known} - known:
        known |= grown
    return known


def codes_in(tree: ast.AST, errors: set[str]) -> Iterator[str]:
    """The first argument of each error made, and the default of each `code` parameter."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and _name(node.func) in errors:
            yield from _texts(node.args[0])
        elif isinstance(node, ast.ClassDef) and node.name in errors:
            yield from _own(node)


def _own(error: ast.ClassDef) -> Iterator[str]:
    """What a class of errors says by itself: `code="…"` and `super().__init__("…")`."""
    for node in ast.walk(error):
        if isinstance(node, ast.Call) and node.args and _is_super(node.func):
            yield from _texts(node.args[0])
        elif isinstance(node, ast.arguments) and node.defaults:
            named = [*node.posonlyargs, *node.args][-len(node.defaults) :]
            codes = (default for name, default in zip(named, node.defaults, strict=True) if name.arg == "code")
            for default in codes:
                yield from _texts(default)


def _texts(node: ast.AST) -> Iterator[str]:
    """A code, or either of two: `"a.b" if x else "a.c"`."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        if node.value and " " not in node.value:
            yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)


def _name(function: ast.AST) -> str:
    if isinstance(function, ast.Name):
        return function.id
    return function.attr if isinstance(function, ast.Attribute) else ""


def _is_super(function: ast.AST) -> bool:
    """`super().__init__`"""
    return (
        isinstance(function, ast.Attribute)
        and function.attr == "__init__"
        and isinstance(function.value, ast.Call)
        and _name(function.value.func) == "super"
    )
