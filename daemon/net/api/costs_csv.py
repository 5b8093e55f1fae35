"""Charges as a table that a spreadsheet opens: one row each, and no cell that it would compute."""

import csv
import io
from collections.abc import Iterable, Sequence

from daemon.clock import rfc3339
from daemon.domain.cost import Charge, plain

BOM = b"\xef\xbb\xbf"  # without it Excel takes Chinese for something else
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # Excel takes the wide ones too
COLUMNS = (
    "created_at",
    "kind",
    "provider",
    "model",
    "account_id",
    "workflow_id",
    "contact",
    "rule_id",
    "key_id",
    "request_id",
    "state",
    "usage_known",
    "priced",
    "points",
    "input_tokens",
    "output_tokens",
    "embedding_tokens",
    "acts",
    "cost",
    "currency",
)


def lines(rows: Iterable[Sequence[object]]) -> bytes:
    """CSV in which no cell is a formula: one that begins like it is given an apostrophe, as spreadsheets want it."""
    text = io.StringIO()
    csv.writer(text).writerows([_safe(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def _safe(cell: object) -> str:
    text = "" if cell is None else str(cell)
    return "'" + text if text.lstrip(" ").startswith(FORMULA) else text


def cells(charge: Charge, currency: str) -> list[object]:
    scopes, units = charge.scopes, charge.units
    named = [scopes.account_id, scopes.workflow_id, scopes.contact, scopes.rule_id, scopes.key_id, scopes.request_id]
    return [
        rfc3339(charge.created_at),
        charge.kind,
        charge.provider,
        charge.model,
        *named,
        charge.state,
        charge.usage_known,
        charge.price_id is not None,
        plain(units.points_micro),
        units.input_tokens,
        units.output_tokens,
        units.embedding_tokens,
        units.acts,
        plain(charge.cost_micro),
        currency,
    ]
