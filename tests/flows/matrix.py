"""What the matrix of rights is made of: two accounts, an object of each kind under each, and a body for each route."""

from collections.abc import Awaitable, Callable
from typing import Any

from attrs import define, evolve, field, frozen

from daemon.domain.access import Role
from daemon.net.server.routes import Route
from daemon.net.server.schema import Schema, Schemas
from daemon.store.tx import Tx
from tests.flows.house import House

PEER = "wxid_friend00000001"
ROOM = "10000000001@chatroom"


@frozen
class Lot:
    """One account, its workflow, and the word that is in the name of everything that is made for it."""

    account_id: str
    workflow_id: str
    mark: str
    key: str  # of who makes what is the lot's


Maker = Callable[[House, Lot], Awaitable[str]]


def fixed(text: str) -> Maker:
    async def make(_h: House, _lot: Lot) -> str:
        return text

    return make


def posted(path: str, body: Callable[[Lot], dict[str, Any]], name: str = "id", *, whole: bool = False) -> Maker:
    """`whole`: it is nobody's, so that only who may touch every account can make it."""

    async def make(h: House, lot: Lot) -> str:
        made = await (h.api if whole else evolve(h.api, key=lot.key)).post(path, body(lot))
        return str(made["campaign"]["id"] if "campaign" in made else made[name])

    return make


def row(sql: str) -> Maker:
    """A row of the store: `$1` its id, `$2` the account, `$3` the workflow, `$4` now, `$5` the mark."""

    async def make(h: House, lot: Lot) -> str:
        def insert(tx: Tx) -> str:
            made = tx.new_id()
            values = (made, lot.account_id, lot.workflow_id, tx.now_ms, lot.mark)
            tx.run(sql, *values[: max(number for number in range(1, 6) if f"${number}" in sql)])
            return made

        return await h.bridge.engine.db.write(insert)

    return make


async def account(_h: House, lot: Lot) -> str:
    return lot.account_id


async def workflow(_h: House, lot: Lot) -> str:
    return lot.workflow_id


GEWE = "/api/v1/integrations/gewe"
MAKERS: dict[str, Maker] = {  # by the name of the path's parameter; a route whose parameter is not here fails the test
    "account_id": account,
    "workflow_id": workflow,
    "model": workflow,
    "conversation_id": row(
        """INSERT INTO conversations (id, account_id, peer, created_ms, last_message_ms)
           VALUES ($1, $2, 'p' || $5, $4, $4)"""
    ),
    "dialogue_id": row(
        """INSERT INTO dialogues (id, user_id, made_by, chat, place, created_ms, used_ms)
           VALUES ($1, 'nobody we know', 'system', $1, 'here', $4, $4)"""
    ),
    "turn_id": row(
        """INSERT INTO turns (id, conversation_id, account_id, workflow_id, state, question, created_ms)
           VALUES ($1, 'c', $2, $3, 'failed', $5, $4)"""
    ),
    "notification_id": row(
        """INSERT INTO alerts (id, fingerprint, service, type, severity, code, facts, account_id, raised_ms, last_ms)
           VALUES ($1, $1, 'GeWe', 'service_down', 'high', 'account.needs_qr',
                   json_object('name', $5, 'id', $2), $2, $4, $4)"""
    ),
    "message_id": posted(
        f"{GEWE}/messages", lambda lot: {"account_id": lot.account_id, "to": PEER, "type": "text", "content": lot.mark}
    ),
    "campaign_id": posted(
        f"{GEWE}/campaigns",
        lambda lot: {
            "account_id": lot.account_id,
            "name": lot.mark,
            "message": {"type": "text", "content": lot.mark},
            "recipients": [{"to": PEER}],
            "starts_at": "2100-01-01T00:00:00Z",
        },
    ),
    "entry_id": posted(f"{GEWE}/do-not-contact", lambda lot: {"to": "wxid_" + lot.mark, "account_id": lot.account_id}),
    "quota_id": posted(
        "/api/v1/quotas",
        lambda lot: {
            "name": lot.mark,
            "scope": "account",
            "scope_id": lot.account_id,
            "period": "day",
            "measure": "calls",
            "cap_micro": 10**12,
        },
    ),
    "batch_id": posted(
        "/api/v1/integrations/fastgpt/batch",
        lambda lot: {"name": lot.mark, "workflow_id": lot.workflow_id, "messages": [{"id": "1", "message": lot.mark}]},
        "batch_id",
    ),
    "act_id": row(
        """INSERT INTO acts (id, account_id, kind, target, state, epoch, started_ms, gap_ms, actor)
           VALUES ($1, $2, 'profile.read', $5, 'unknown', 0, $4, 0, 'system')"""
    ),
    "friend_request_id": row(
        """INSERT INTO friend_requests (id, account_id, wxid, nickname, greeting, user_ticket, ticket, scene, room,
                                        state, received_ms)
           VALUES ($1, $2, 'wxid_asker', $5, '', 'v3', 'v4', 3, '', 'waiting', $4)"""
    ),
    "key_id": posted("/api/v1/keys", lambda lot: {"name": lot.mark, "role": "viewer"}, whole=True),
    "price_id": posted(
        "/api/v1/prices",
        lambda lot: {"provider": "fastgpt", "model": lot.mark[0], "valid_from": "2099-01-01T00:00:00Z"},
        whole=True,
    ),
    "job_id": row(
        """INSERT INTO jobs (id, lane, args, state, due_ms, created_ms, ended_ms)
           VALUES ($1, 'turn', x'7b7d', 'dead', $4, $4, $4)"""
    ),
    "test_session_id": posted(
        "/api/v1/workflow-test/sessions", lambda lot: {"workflowId": lot.workflow_id}, "testSessionId"
    ),
    "webhook_id": posted(
        "/api/v1/webhooks",
        lambda lot: {"task_type": lot.mark, "url": "https://n8n.example.com/webhook/x"},
        whole=True,
    ),
    "callback_key": fixed("x" * 43),
    "code": fixed("invalid"),
    "chat_id": fixed("chat"),
    "wxid": fixed(PEER),
    "room": fixed(ROOM),
    "post_id": fixed("14000000000000000001"),
    "kind": fixed("friend.add"),
}
NOBODYS = {"callback_key", "code", "chat_id", "wxid", "room", "post_id", "kind"} | {
    "price_id",
    "job_id",
    "key_id",
    "webhook_id",
}
OWNED = {"account_id", "workflow_id", "workflowId", "scope_id"}  # fields of a body and of a query that name whose it is


@define
class Objects:
    """One of each kind for each lot, made when it is wanted first."""

    house: House
    _made: dict[tuple[str, str], str] = field(factory=dict, init=False)

    async def of(self, parameter: str, lot: Lot) -> str:
        place = (parameter, lot.mark)
        if place not in self._made:
            self._made[place] = await MAKERS[parameter](self.house, lot)
        return self._made[place]

    async def path(self, route: Route, lot: Lot, key: str | None = None) -> str:
        path = route.path
        for parameter in route.signature.path:
            path = path.replace(f"{{{parameter.name}}}", await self._named(route, parameter.name, lot, key))
        asked = [p.name for p in route.signature.query if p.required]
        return path + ("?" + "&".join(f"{name}={query(name, lot)}" for name in asked) if asked else "")

    async def _named(self, route: Route, parameter: str, lot: Lot, key: str | None) -> str:
        """A conversation of the chat API belongs to no account, but to the key that made it: each has its own."""
        if not route.path.startswith("/api/chat/"):
            return await self.of(parameter, lot)
        return await self.of("dialogue_id", lot) if lot.mark == "FOREIGN" or key is None else f"own-{key[:13]}"

    def known(self, lot: Lot) -> set[str]:
        """What must not be seen by whoever may not see the lot."""
        ids = {made for (parameter, mark), made in self._made.items() if mark == lot.mark and parameter not in NOBODYS}
        return ids | {lot.mark, lot.account_id, lot.workflow_id}


def query(name: str, lot: Lot) -> str:
    return {"account_id": lot.account_id, "workflow_id": lot.workflow_id}.get(name, PEER)


def somebodys(route: Route) -> bool:
    """Whether a call of the route names something that belongs to an account."""
    names = {parameter.name for parameter in route.signature.path} - NOBODYS
    names |= {parameter.name for parameter in route.signature.query if parameter.required} & OWNED
    body = route.signature.body
    if body is not None and hasattr(body.kind, "__attrs_attrs__"):
        names |= {attribute.name for attribute in body.kind.__attrs_attrs__} & OWNED
    return bool(names)


def lowest(route: Route) -> Role | None:
    """A role that may call the route; None where it asks for none."""
    who = route.who if isinstance(route.who, tuple) else (route.who,)
    order = (Role.ADMIN, Role.OPERATOR, Role.VIEWER, Role.AGENT, Role.AUDITOR)
    return next((role for role in order if any(isinstance(one, Role) and role.includes(one) for one in who)), None)


BODIES: dict[str, Callable[[Lot], dict[str, Any]]] = {  # of types that the schema alone does not tell enough about
    "NewMessage": lambda lot: {"account_id": lot.account_id, "to": PEER, "type": "text", "content": lot.mark},
    "ContentBody": lambda lot: {"type": "text", "content": lot.mark},
    "NewQuotaBody": lambda lot: {
        "name": lot.mark,
        "scope": "account",
        "scope_id": lot.account_id,
        "period": "day",
        "measure": "calls",
        "cap_micro": 10**12,
    },
    "CompletionBody": lambda lot: {"model": lot.workflow_id, "messages": [{"role": "user", "content": lot.mark}]},
    "TaskBody": lambda lot: {"task_type": "nobody's", "chatInput": lot.mark, "sessionId": lot.mark},  # no n8n is there
    "LeftAloneBody": lambda lot: {"to": "wxid_" + lot.mark, "account_id": lot.account_id},
}


def body(route: Route, lot: Lot) -> Any:
    """The least that the route's schema takes; None where it reads no JSON."""
    wanted = route.signature.body
    if wanted is None or wanted.kind is bytes:
        return None
    schemas = Schemas()
    return sample(schemas, schemas.of(wanted.kind), "", lot)


def sample(schemas: Schemas, schema: Schema, name: str, lot: Lot) -> Any:
    told = schema.get("$ref", "").rpartition("/")[2]
    if told in BODIES:
        return BODIES[told](lot)
    schema = {**schemas.resolve(schema), **{key: value for key, value in schema.items() if key != "$ref"}}
    for many in ("anyOf", "oneOf"):
        if many in schema:
            return sample(schemas, schema[many][0], name, lot)
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    return _plain(schemas, schema, name, lot)


def _plain(schemas: Schemas, schema: Schema, name: str, lot: Lot) -> Any:
    kind = schema.get("type")
    if kind == "object":
        properties = schema.get("properties", {})
        wanted = [one for one in properties if one in schema.get("required", ()) or one in OWNED - {"scope_id"}]
        return {one: sample(schemas, properties[one], one, lot) for one in wanted}
    if kind == "array":
        return [sample(schemas, schema["items"], name, lot)] * schema.get("minItems", 0)
    if kind == "string":
        return _text(schema, name, lot)
    if kind in ("integer", "number"):
        return max(schema.get("minimum", 1), 1) if schema.get("maximum", 1) >= 1 else schema["maximum"]
    return kind == "boolean"


def _text(schema: Schema, name: str, lot: Lot) -> str:
    named = {"account_id": lot.account_id, "workflow_id": lot.workflow_id, "to": PEER, "wxid": PEER}
    named |= {"workflowId": lot.workflow_id, "user_id": PEER}
    if name in named:
        return named[name]
    if schema.get("format") == "date-time":
        return "2099-01-01T00:00:00Z"
    if "http" in schema.get("pattern", ""):
        return "http://127.0.0.1:9"
    examples = schema.get("examples", [lot.mark])
    return str(examples[0])
