"""Every action that the code can write into the audit log, found in its syntax trees."""

import ast
from collections.abc import Iterator

from attrs import frozen

from tests.sources import parsed

WRITERS = {  # how the name of what is called ends, and where in its arguments the action stands
    "audit.record": 2,
    "audit.note": 0,
    "self.note": 0,
    "book.refused": 1,
    "[DOOR].strange": 1,
    "self._counted": 1,
}
NESTED = "note"  # a function in a function that hands over to `audit.note`
CARRIERS = frozenset({"write", "settle"})  # `db.write(audit.record, by, action, …)`
ENDS = CARRIERS | {NESTED} | {name.rpartition(".")[2] for name in WRITERS}


@frozen(kw_only=True)
class Found:
    """The actions of one module, and the expressions that stand for one and could not be followed."""

    actions: frozenset[str]
    unknown: frozenset[str]


def actions_in(source: str) -> Found:
    tree = parsed(source)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    told = [text for call in calls if (given := _action(call)) is not None for text in _texts(tree, given)]
    known = frozenset(text for text, sure in told if sure)
    return Found(actions=known, unknown=frozenset(text for text, sure in told if not sure))


def _action(call: ast.Call) -> ast.expr | None:
    """The argument that is an action; None where nothing is audited."""
    if getattr(call.func, "attr", getattr(call.func, "id", "")) not in ENDS:
        return None  # most calls: not worth writing out
    name, first = ast.unparse(call.func), ast.unparse(call.args[0]) if call.args else ""
    if name.rpartition(".")[2] in CARRIERS and first == "audit.record":
        return call.args[2]
    if name == NESTED:
        return call.args[0]
    at = next((at for end, at in WRITERS.items() if f".{name}".endswith(end)), None)
    return None if at is None or len(call.args) <= at else call.args[at]


def _texts(tree: ast.AST, given: ast.expr) -> Iterator[tuple[str, bool]]:
    """What an expression may be, and whether that is all of it."""
    match given:
        case ast.Constant(value=str(text)):
            yield text, True
        case ast.IfExp():
            yield from _texts(tree, given.body)
            yield from _texts(tree, given.orelse)
        case ast.JoinedStr(values=[ast.Constant(value=str(head)), ast.FormattedValue(value=inner)]):
            yield from ((head + text, sure) for text, sure in _texts(tree, inner))
        case ast.Name(id=name):
            yield from _named(tree, given, name)
        case _:
            yield ast.unparse(given), False


def _named(tree: ast.AST, at: ast.expr, name: str) -> Iterator[tuple[str, bool]]:
    """A constant of the module, a variable of the function, or its parameter: then whatever its callers give."""
    function = _around(tree, at)
    for place in (function, tree):
        if place is not None and (values := list(_assigned(place, name))):
            for value in values:
                yield from _texts(tree, value)
            return
    if function is None:
        yield name, False
        return
    parameters = [argument.arg for argument in function.args.posonlyargs + function.args.args]
    at_call = parameters.index(name) - (parameters[0] == "self") if name in parameters else None
    given = [value for value in _given(tree, function.name, name, at_call) if ast.unparse(value) != name]
    if not given and not any(end.endswith(function.name) for end in (*WRITERS, NESTED)):
        yield name, False
    for value in given:
        yield from _texts(tree, value)


def _around(tree: ast.AST, at: ast.expr) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """The innermost function that an expression is in."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return next((f for f in reversed(functions) if any(node is at for node in ast.walk(f))), None)


def _assigned(place: ast.AST, name: str) -> Iterator[ast.expr]:
    body = place.body if isinstance(place, ast.Module) else list(ast.walk(place))
    for node in body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name) and target.id == name:
                    yield node.value
                elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    pairs = zip(target.elts, node.value.elts, strict=True)
                    yield from (value for one, value in pairs if isinstance(one, ast.Name) and one.id == name)


def _given(tree: ast.AST, function: str, parameter: str, at: int | None) -> Iterator[ast.expr]:
    """What calls of `function` give for a parameter; `db.write(function, …)` stands for its transaction."""
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        arguments = list(call.args)
        if arguments and isinstance(arguments[0], ast.Name) and arguments[0].id == function:
            named = True
        else:
            named = ast.unparse(call.func).rpartition(".")[2] == function
        if not named:
            continue
        yield from (keyword.value for keyword in call.keywords if keyword.arg == parameter)
        if at is not None and len(arguments) > at:
            yield arguments[at]
