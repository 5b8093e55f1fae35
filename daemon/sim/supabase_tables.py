"""The tables of docs/supabase.sql in memory, and PostgREST's filters over them: rows in, rows out, no HTTP."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from attrs import define, field, frozen

Row = dict[str, Any]


@frozen(kw_only=True)
class Refusal(Exception):
    """An error as PostgREST words it."""

    status: int
    code: str
    message: str
    details: str | None = None
    hint: str | None = None

    def body(self) -> dict[str, Any]:
        return {"code": self.code, "details": self.details, "hint": self.hint, "message": self.message}


@frozen(kw_only=True)
class Column:
    kind: str  # text, boolean, timestamptz
    required: bool = False
    default: Callable[[], Any] | None = None


@define(eq=False)
class Table:
    name: str
    columns: Mapping[str, Column]
    parent: tuple[str, str] | None = None  # the column that refers to another table's id, and that table
    check: Callable[[Row], bool] | None = None  # a constraint of somebody's own
    rows: dict[str, Row] = field(factory=dict)  # by id


def tables(now: Callable[[], datetime]) -> dict[str, Table]:
    text, key = Column(kind="text"), Column(kind="text", required=True)
    optional = Column(kind="text", default=str)
    moment = Column(kind="timestamptz", default=lambda: written(now()))
    dialogues = {"id": key, "user_id": key, "made_by": optional, "chat": optional, "created_at": moment}
    lines = {"id": key, "conversation_id": key, "content": key, "is_user": Column(kind="boolean", required=True)}
    return {
        "qiaod_conversations": Table("qiaod_conversations", dialogues),
        "qiaod_messages": Table(
            "qiaod_messages",
            {**lines, "workflow_id": text, "created_at": moment},
            parent=("conversation_id", "qiaod_conversations"),
        ),
    }


def written(moment: datetime) -> str:
    """As PostgreSQL writes it into JSON: with its offset, and no more digits than there are."""
    return moment.astimezone(UTC).isoformat()


@define(eq=False)
class Base:
    tables: dict[str, Table]
    most_rows: int = 10_000  # in one call: a gateway's limit is one of bytes

    def table(self, name: str) -> Table:
        found = self.tables.get(name)
        if found is None:
            message = f"Could not find the table 'public.{name}' in the schema cache"
            raise Refusal(status=404, code="PGRST205", message=message)
        return found

    def select(self, name: str, query: Mapping[str, str]) -> list[Row]:
        table = self.table(name)
        rows = ordered(table, _matching(table, query), query.get("order"))
        wanted = _selected(table, query.get("select", "*"))
        return [{column: row[column] for column in wanted} for row in rows]

    def insert(self, name: str, rows: list[Any], *, conflict: str | None, resolution: str | None) -> list[Row]:
        """Those that are new, or that took the place of others; all of them or none."""
        table, fresh = self.table(name), list[Row]()
        if len(rows) > self.most_rows:
            raise Refusal(status=413, code="", message="Request Entity Too Large")
        if conflict not in (None, "id"):
            message = "there is no unique or exclusion constraint matching the ON CONFLICT specification"
            raise Refusal(status=400, code="42P10", message=message)
        for given in rows:
            row = _typed(table, given)
            _checked(table, row)
            known = row["id"] in table.rows or any(one["id"] == row["id"] for one in fresh)
            if known and resolution is None:
                message = f'duplicate key value violates unique constraint "{name}_pkey"'
                detail = f"Key (id)=({row['id']}) already exists."
                raise Refusal(status=409, code="23505", message=message, details=detail)
            if not known or resolution == "merge-duplicates":
                self._refer(table, row)
                fresh.append(row)
        table.rows.update({row["id"]: row for row in fresh})
        return fresh

    def delete(self, name: str, query: Mapping[str, str]) -> list[Row]:
        """With what refers to them."""
        table = self.table(name)
        gone = _matching(table, query)
        for row in gone:
            del table.rows[row["id"]]
            for other in self.tables.values():
                if other.parent is not None and other.parent[1] == name:
                    column = other.parent[0]
                    other.rows = {key: one for key, one in other.rows.items() if one[column] != row["id"]}
        return gone

    def _refer(self, table: Table, row: Row) -> None:
        if table.parent is None:
            return
        column, name = table.parent
        if row[column] not in self.tables[name].rows:
            raise Refusal(
                status=409,
                code="23503",
                message=f'insert or update on table "{table.name}" violates foreign key constraint '
                f'"{table.name}_{column}_fkey"',
                details=f'Key ({column})=({row[column]}) is not present in table "{name}".',
            )


def _typed(table: Table, given: Any) -> Row:
    if not isinstance(given, dict):
        raise Refusal(status=400, code="PGRST102", message="All object keys must match")
    row: Row = {}
    for name in given:
        if name not in table.columns:
            message = f"Could not find the '{name}' column of '{table.name}' in the schema cache"
            raise Refusal(status=400, code="PGRST204", message=message)
    for name, column in table.columns.items():
        value = given[name] if name in given else column.default and column.default()
        if value is None and column.required:
            message = f'null value in column "{name}" of relation "{table.name}" violates not-null constraint'
            raise Refusal(status=400, code="23502", message=message)
        row[name] = value if value is None else _value(column.kind, value)
    return row


def _checked(table: Table, row: Row) -> None:
    if table.check is not None and not table.check(row):
        message = f'new row for relation "{table.name}" violates check constraint "{table.name}_check"'
        details = f"Failing row contains ({', '.join(map(str, row.values()))})."
        raise Refusal(status=400, code="23514", message=message, details=details)


def _value(kind: str, value: Any) -> Any:
    if kind == "boolean":
        if not isinstance(value, bool):
            raise Refusal(status=400, code="22P02", message=f'invalid input syntax for type boolean: "{value}"')
        return value
    if "\x00" in str(value):
        raise Refusal(status=400, code="22P05", message="unsupported Unicode escape sequence")
    if kind == "timestamptz":
        try:
            return written(datetime.fromisoformat(str(value)))
        except ValueError:
            message = f'invalid input syntax for type timestamp with time zone: "{value}"'
            raise Refusal(status=400, code="22007", message=message) from None
    return str(value)


def _matching(table: Table, query: Mapping[str, str]) -> list[Row]:
    filters = [(name, told) for name, told in query.items() if name not in WORDS]
    return [row for row in table.rows.values() if all(_holds(table, row, name, told) for name, told in filters)]


WORDS = frozenset({"select", "order", "limit", "offset", "on_conflict", "columns"})
COMPARED: Mapping[str, Callable[[str, str], bool]] = {
    "eq": lambda one, other: one == other,
    "neq": lambda one, other: one != other,
    "lt": lambda one, other: one < other,
    "lte": lambda one, other: one <= other,
    "gt": lambda one, other: one > other,
    "gte": lambda one, other: one >= other,
}


def _holds(table: Table, row: Row, name: str, told: str) -> bool:
    _known(table, name)
    operator, dot, operand = told.partition(".")
    compare = COMPARED.get(operator)
    if not dot or compare is None:
        message = f'"failed to parse filter ({told})" (line 1, column 1)'
        raise Refusal(status=400, code="PGRST100", message=message, details="unexpected input expecting operator")
    value = row[name]
    text = str(value).lower() if isinstance(value, bool) else value
    return text is not None and compare(text, operand)


def _selected(table: Table, select: str) -> list[str]:
    names = list(table.columns) if select == "*" else [name.strip() for name in select.split(",")]
    for name in names:
        _known(table, name)
    return names


def ordered(table: Table, rows: list[Row], order: str | None) -> list[Row]:
    """By `column.desc,other.asc`; without it as they were put in, which PostgreSQL does not promise either."""
    for part in reversed([one for one in (order or "").split(",") if one]):
        name, _, way = part.partition(".")
        _known(table, name)
        rows = sorted(rows, key=lambda row: str(row[name]), reverse=way.startswith("desc"))
    return rows


def _known(table: Table, name: str) -> None:
    if name not in table.columns:
        raise Refusal(status=400, code="42703", message=f"column {table.name}.{name} does not exist")
