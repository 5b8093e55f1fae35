"""Chats as a list to be kept in order, thumbs up and down, and an app's logs (contract 5)."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web
from attrs import define

from daemon.sim.fastgpt_ask import App
from daemon.sim.fastgpt_chats import Chat, Chats
from daemon.sim.fastgpt_errors import Refusal, answer, plain
from daemon.sim.fastgpt_profiles import Profile
from daemon.sim.fastgpt_records import DONE, PAGE, Records, wrapped
from daemon.sim.fastgpt_run import points
from daemon.sim.gate import json_of

GENERATING = 0  # chatGenerateStatus
MOST_IDS = 200  # of one getHistoryStatus
NOT_FOUND = plain("Chat item not found")

Told = Mapping[str, Any]
Does = Callable[[App, Told], object | Refusal]


@define(eq=False)
class Histories:
    profile: Profile
    chats: Chats
    records: Records

    def routes(self) -> list[web.RouteDef]:
        """The old paths are kept beside the new ones."""
        chat = "/api/core/chat"
        routes: list[web.RouteDef] = []
        for place in (f"{chat}/history", chat):
            routes += [
                web.post(f"{place}/getHistories", self._told_in_body(self.page)),
                web.post(f"{place}/updateHistory", self._told_in_body(self.update)),
                web.delete(f"{place}/delHistory", self._told_in_query(self.delete)),
                web.delete(f"{place}/clearHistories", self._told_in_query(self.clear)),
            ]
        routes += [
            web.delete(f"{chat}/item/delete", self._told_in_query(self.delete_record)),
            web.delete(f"{chat}/record/delete", self._told_in_query(self.delete_record)),
            web.post(f"{chat}/feedback/updateUserFeedback", self._told_in_body(self.feedback)),
        ]
        if self.profile.member_keys:  # of the newest versions
            routes += [
                web.post(f"{chat}/history/getHistoryStatus", self._told_in_body(self.status)),
                web.post("/api/core/app/logs/list", self._told_in_body(self.logs)),
            ]
        return routes

    def page(self, app: App, told: Told) -> object:
        size = _number(told, "pageSize", PAGE)
        start = (_number(told, "pageNum", 1) - 1) * size if "pageNum" in told else _number(told, "offset", 0)
        chats = [chat for chat in self.chats.of(app.id) if _between(chat, told)]
        return {"list": [self._shown(chat) for chat in chats[start : start + size]], "total": len(chats)}

    def update(self, app: App, told: Told) -> object | Refusal:
        chat = self._chat(app, told)
        if chat is None:
            return NOT_FOUND
        chat.title = str(told.get("title") or chat.title)
        chat.custom_title = told.get("customTitle", chat.custom_title)
        chat.top = told["top"] is True if "top" in told else chat.top
        return None

    def delete(self, app: App, told: Told) -> None:
        self.chats.remove(app.id, str(told.get("chatId", "")))

    def clear(self, app: App, _: Told) -> None:
        for chat in self.chats.of(app.id):
            self.chats.remove(app.id, chat.chat_id)

    def delete_record(self, app: App, told: Told) -> None:
        chat = self._chat(app, told)
        if chat is not None:
            self.chats.drop(chat, str(told.get("contentId", "")))

    def feedback(self, app: App, told: Told) -> object | Refusal:
        """What is left out is cleared."""
        chat = self._chat(app, told)
        record = chat.records.get(str(told.get("dataId", ""))) if chat else None
        if record is None:
            return NOT_FOUND
        names = ("userGoodFeedback", "userBadFeedback")
        record.feedback = {name: str(told[name]) for name in names if told.get(name)}
        return None

    def status(self, app: App, told: Told) -> object | Refusal:
        ids = told.get("chatIds")
        if not isinstance(ids, list) or not 1 <= len(ids) <= MOST_IDS:
            return plain("chatIds is invalid")
        found = [self.chats.find(app.id, str(chat_id)) for chat_id in ids]
        keys = ("chatId", "updateTime", "chatGenerateStatus", "hasBeenRead")
        return {"list": [{key: self._shown(chat)[key] for key in keys} for chat in found if chat]}

    def logs(self, app: App, told: Told) -> object:
        """A row for each chat, with what it cost."""
        size, start = _number(told, "pageSize", 20), _number(told, "offset", 0)
        chats = self.chats.of(app.id)
        rows = [
            {
                "chatId": chat.chat_id,
                "title": chat.custom_title or chat.title,
                "source": "api",
                "createTime": chat.began_at,
                "updateTime": chat.updated_at,
                "messageCount": 2 * len(chat.records),
                "averageResponseTime": 1.86,
                "errorCount": sum(any("error" in row for row in record.rows) for record in chat.records.values()),
                "totalPoints": sum(points(record.rows) for record in chat.records.values()),
                "userGoodFeedbackCount": sum("userGoodFeedback" in r.feedback for r in chat.records.values()),
                "userBadFeedbackCount": sum("userBadFeedback" in r.feedback for r in chat.records.values()),
            }
            for chat in chats[start : start + size]
        ]
        return {"list": rows, "total": len(chats)}

    def _chat(self, app: App, told: Told) -> Chat | None:
        return self.chats.find(app.id, str(told.get("chatId", "")))

    def _shown(self, chat: Chat) -> dict[str, Any]:
        more = {"chatGenerateStatus": GENERATING if chat.running else DONE, "hasBeenRead": False}
        return {
            "chatId": chat.chat_id,
            "updateTime": chat.updated_at,
            "appId": chat.app_id,
            **({"customTitle": chat.custom_title} if chat.custom_title else {}),
            "title": chat.title,
            "top": chat.top,
            **(more if self.profile.titles else {}),
        }

    def _told_in_body(self, does: Does) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            body = json_of(await request.read())
            return self._answered(request, does, body if isinstance(body, dict) else {})

        return handle

    def _told_in_query(self, does: Does) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            return self._answered(request, does, request.query)

        return handle

    def _answered(self, request: web.Request, does: Does, told: Told) -> web.Response:
        app = self.records.app_of(request, told)
        came = app if isinstance(app, Refusal) else does(app, told)
        return answer(came, self.profile, stream=False) if isinstance(came, Refusal) else wrapped(came)


def _number(told: Told, name: str, usual: int) -> int:
    value = told.get(name, usual)
    return value if isinstance(value, int) and value >= 0 else usual


def _between(chat: Chat, told: Told) -> bool:
    """Times are ISO texts of one zone, so they compare as texts."""
    began, updated = chat.began_at, chat.updated_at
    limits = ((began, "startCreateTime", "endCreateTime"), (updated, "startUpdateTime", "endUpdateTime"))
    return all(str(told.get(low) or "") <= at <= str(told.get(high) or "9") for at, low, high in limits)
