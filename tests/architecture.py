"""The rules of the house as functions over source text: what each returns is what breaks a rule."""

import ast
from collections.abc import Iterator
from pathlib import PurePath

from tests.sources import parsed

BASE = frozenset(
    {
        "errors",
        "texts",
        "codec",
        "clock",
        "ids",
        "secret",
        "tasks",
        "log",
        "systemd",
        "vault",
        "master_key",
        "credentials",
    }
    | {"settings", "settings_fields", "settings_sections", "settings_read", "settings_targets"}
)
ROOMS = {  # a room, and the rooms it may look into beside the base and itself
    "domain": frozenset[str](),
    "limits": frozenset[str](),
    "sim": frozenset[str](),
    "store": frozenset({"domain"}),
    "engine": frozenset({"domain", "limits", "store"}),
    "net": frozenset({"domain", "limits", "store", "engine"}),
}
# these may see everything
TOP = frozenset(
    {
        "bridge",
        "assembly",
        "providers",
        "face",
        "stages",
        "wiring",
        "memory",
        "main",
        "exits",
        "cli",
        "__main__",
        "__init__",
    }
)
HOMES = {  # a library, and the only places that may import it
    "aiosqlite": ("daemon/store/",),
    "cattrs": ("daemon/codec.py",),
    "orjson": ("daemon/codec.py",),
    "cryptography": ("daemon/vault.py",),
    "aiohttp": ("daemon/net/", "daemon/sim/", "daemon/face.py", "daemon/cli/"),
    "aiodns": ("daemon/net/",),
    "uvloop": ("daemon/main.py", "daemon/cli/"),
    "click": ("daemon/cli/",),
    "rich": ("daemon/cli/",),
    "segno": ("daemon/cli/",),
    "defusedxml": ("daemon/net/",),
    "prometheus_client": ("daemon/net/", "daemon/bridge.py"),
    "jwt": ("daemon/net/",),
    "standardwebhooks": ("daemon/net/",),
    "signal": ("daemon/main.py", "daemon/cli/"),
    "sqlite3": ("daemon/store/", "daemon/engine/"),
    "random": ("daemon/",),
}
CLOCK_CALLS = {
    ("time", "time"),
    ("time", "time_ns"),
    ("time", "monotonic"),
    ("time", "monotonic_ns"),
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("date", "today"),
}
CHANCE_CALLS = {
    ("random", name) for name in ("random", "uniform", "randint", "choice", "shuffle", "getrandbits", "randrange")
}
LONGEST = {"open_bridge": 120, "assemble": 150, "app_of": 120}  # two screens: the whole daemon, without a branch
CLOCK_HOME = "daemon/clock.py"
MUTABLE_MAKERS = {"list", "dict", "set", "defaultdict", "OrderedDict", "deque", "Counter", "Queue", "Event", "Lock"}


def room_of(path: PurePath) -> str:
    """`daemon/store/jobs.py` is in `store`; `daemon/bridge.py` is `bridge` itself."""
    return path.parts[1].removesuffix(".py")


def imported(tree: ast.AST) -> Iterator[str]:
    """Every module named in an import, also inside functions: `daemon.store.jobs`, `os.path`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                yield f".relative to {node.module}"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def wrong_imports(path: PurePath, source: str) -> list[str]:
    found = []
    room = room_of(path)
    allowed = BASE | ROOMS.get(room, frozenset()) | {room, "__version__"}
    for name in imported(parsed(source)):
        first, *rest = name.split(".")
        if name.startswith("."):
            found.append(f"a relative import, {name}")
        elif first == "daemon" and room not in TOP and rest[0] not in allowed:
            found.append(f"{room} may not import {name}")
        elif first in {"tests", "bench"}:
            found.append(f"the daemon may not import {name}")
        elif room in BASE and first == "daemon" and rest[0] not in BASE | {"__version__"}:
            found.append(f"the base may not import {name}")
    return found


def libraries_away_from_home(path: PurePath, source: str) -> list[str]:
    libraries = {name.split(".")[0] for name in imported(parsed(source))}
    return [
        f"{library} belongs in {' or '.join(HOMES[library])}"
        for library in sorted(libraries & HOMES.keys())
        if not str(path).startswith(HOMES[library])
    ]


def module_state(source: str) -> list[str]:
    """Names at module level that something could change: lower-case containers, and `global`."""
    tree = parsed(source)
    found = [f"global {', '.join(node.names)}" for node in ast.walk(tree) if isinstance(node, ast.Global)]
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and _mutable(node.value):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            found += [f"{name} can change" for name in names if not _constant(name)]
    return found


def clock_and_chance(path: PurePath, source: str) -> list[str]:
    """Calls that read time or chance from anywhere but what was injected."""
    tree = parsed(source)
    forbidden = CHANCE_CALLS if str(path) == CLOCK_HOME else CLOCK_CALLS | CHANCE_CALLS
    modules = set(imported(tree)) | {"datetime", "date"}  # a parameter may well be called `random`
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id in modules and (node.value.id, node.attr) in forbidden:
                found.append(f"line {node.lineno}: {node.value.id}.{node.attr}")
        elif isinstance(node, ast.ImportFrom) and {(node.module, alias.name) for alias in node.names} & forbidden:
            found.append(f"line {node.lineno}: from {node.module} import …")
    return found


def prints(path: PurePath, source: str) -> list[str]:
    if str(path).startswith("daemon/cli/"):
        return []
    calls = (node for node in ast.walk(parsed(source)) if isinstance(node, ast.Call))
    return [f"line {c.lineno}: print" for c in calls if isinstance(c.func, ast.Name) and c.func.id == "print"]


def sizes(path: PurePath, source: str) -> list[str]:
    """What has grown past one thought. The table of texts may be as long as there are texts."""
    lines = source.count("\n")
    found = [f"{lines} lines in the module"] if lines > 300 and str(path) != "daemon/texts.py" else []
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            long = (node.end_lineno or 0) - node.lineno + 1
            if long > LONGEST.get(node.name, 50):
                found.append(f"{long} lines in {node.name}")
    return found


def unintroduced(source: str) -> list[str]:
    return [] if ast.get_docstring(parsed(source)) else ["the first sentence is missing"]


def _constant(name: str) -> bool:
    """CONSTANTS are not changed; `routes` tables are filled while their module is read, and never after."""
    return name.lstrip("_").isupper() or name.startswith("__") or name in {"routes", "log"}


def _mutable(value: ast.AST | None) -> bool:
    if isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp):
        return True
    if isinstance(value, ast.Call):
        made = value.func
        name = made.attr if isinstance(made, ast.Attribute) else made.id if isinstance(made, ast.Name) else ""
        return name in MUTABLE_MAKERS
    return False
