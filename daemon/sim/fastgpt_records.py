"""What else the simulated FastGPT answers: node details, the app behind a key, a key's health, a stop (contract 5)."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from attrs import define

from daemon.sim.fastgpt_ask import App, Keys
from daemon.sim.fastgpt_chats import Chats, Record, Row
from daemon.sim.fastgpt_errors import Refusal, answer, plain
from daemon.sim.fastgpt_profiles import Profile
from daemon.sim.gate import json_of, reply

DONE = 1  # chatGenerateStatus
PAGE = 10  # messages, where pageSize is not given


@define(eq=False)
class Records:
    profile: Profile
    keys: Keys
    chats: Chats

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/api/core/chat/getResData", self.rows),
            web.get("/api/core/chat/record/getResData", self.rows),
            web.post("/api/core/chat/getPaginationRecords", self.records),
            web.post("/api/core/chat/record/getPaginationRecords", self.records),
            web.get("/api/core/chat/init", self.init),
            web.get("/api/support/openapi/health", self.health),
            web.post("/api/v2/chat/stop", self.stop),
        ]

    async def rows(self, request: web.Request) -> web.Response:
        app = self.app_of(request, request.query)
        if isinstance(app, Refusal):
            return answer(app, self.profile, stream=False)
        chat = self.chats.find(app.id, request.query.get("chatId", ""))
        record = chat.records.get(request.query.get("dataId", "")) if chat else None
        rows = record.rows if record else []
        return wrapped([_stripped(row) for row in rows] if self.profile.rows_strip_quotes else rows)

    async def records(self, request: web.Request) -> web.Response:
        """A page counted from the newest message back, told oldest first; without the nodes."""
        body = json_of(await request.read())
        told = body if isinstance(body, dict) else {}
        app = self.app_of(request, told)
        if isinstance(app, Refusal):
            return answer(app, self.profile, stream=False)
        chat = self.chats.find(app.id, str(told.get("chatId", "")))
        said = [line for data_id, record in (chat.records if chat else {}).items() for line in _said(data_id, record)]
        end = len(said) - told.get("offset", 0)
        page = said[max(end - told.get("pageSize", PAGE), 0) : max(end, 0)]
        return wrapped({"list": page, "total": len(said)})

    async def init(self, request: web.Request) -> web.Response:
        app = self.app_of(request, request.query)
        if isinstance(app, Refusal):
            return answer(app, self.profile, stream=False)
        chat_id = request.query.get("chatId", "")
        chat = self.chats.find(app.id, chat_id)
        shown = {"name": app.name, "avatar": "", "intro": "", "type": app.type, "chatModels": [], "pluginInputs": []}
        return wrapped(
            {
                "chatId": chat_id,
                "appId": app.id,
                "title": chat.title if chat else "",
                "variables": chat.variables if chat else {},
                "app": {**shown, "chatConfig": {"welcomeText": "", "variables": []}},
            }
        )

    async def health(self, request: web.Request) -> web.Response:
        key = request.query.get("apiKey", "")
        if key not in self.keys.bound:
            return answer(plain("APIKey invalid"), self.profile, stream=False)
        app_id = self.keys.bound[key]
        named = {"appId": app_id} if app_id else {}
        if not self.profile.health_says_more:
            return wrapped(named)
        return wrapped({"valid": True, "usagePoints": self.keys.points.get(key, 0.0), "maxUsagePoints": -1, **named})

    async def stop(self, request: web.Request) -> web.Response:
        body = json_of(await request.read())
        told = body if isinstance(body, dict) else {}
        app = self.app_of(request, told)
        if isinstance(app, Refusal):
            return answer(app, self.profile, stream=False)
        chat = self.chats.find(app.id, str(told.get("chatId", "")))
        if chat is not None and chat.running is not None:
            chat.running.set()
        if not self.profile.stop_says_more:
            return wrapped({"success": True})
        return wrapped({"success": True, "completed": True, "chatGenerateStatus": DONE})

    def app_of(self, request: web.Request, told: Mapping[str, Any]) -> App | Refusal:
        key = self.keys.key_of(request)
        return key if isinstance(key, Refusal) else self.keys.app_of(request, key, told.get("appId"))


def wrapped(value: object) -> web.Response:
    return reply({"code": 200, "statusText": "", "message": "", "data": value})


def _said(data_id: str, record: Record) -> list[dict[str, Any]]:
    """The two messages of a turn; a run that answered nothing leaves an empty one."""
    asked, answered = ({"type": "text", "text": {"content": words}} for words in (record.question, record.answer))
    return [
        {"_id": f"{data_id}-h", "dataId": f"{data_id}-h", "obj": "Human", "value": [asked]},
        {
            "_id": data_id,
            "dataId": data_id,
            "obj": "AI",
            "value": [answered] if record.answer else [],
            **record.feedback,
        },
    ]


def _stripped(row: Row) -> Row:
    """Read back, quotes have lost their texts."""
    if "quoteList" not in row:
        return row
    quotes = [{name: value for name, value in quote.items() if name not in ("q", "a")} for quote in row["quoteList"]]
    return {**row, "quoteList": quotes}
