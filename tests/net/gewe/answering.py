"""A GeWe that says what it was told to, and keeps what it was asked."""

import json
from typing import Any

from attrs import define, field

from tests.net.loopback import Visit


@define
class Answering:
    """Answers every request alike, and keeps what it was asked."""

    body: bytes
    status: str = "200 OK"
    asked: list[bytes] = field(factory=list)

    async def __call__(self, visit: Visit) -> None:
        self.asked.append(await visit.request())
        await visit.answer(self.body, status=self.status)

    @property
    def head(self) -> str:
        return self.asked[0].partition(b"\r\n\r\n")[0].decode()

    @property
    def fields(self) -> Any:
        return json.loads(self.asked[0].partition(b"\r\n\r\n")[2])


@define
class Answers:
    """Answers by path, below the prefix, each time with the next of its answers; the last is repeated.

    Asked for any other path it hangs up.
    """

    by_path: dict[str, list[bytes]]
    asked: list[tuple[str, Any]] = field(factory=list)

    async def __call__(self, visit: Visit) -> None:
        head, _, body = (await visit.request()).partition(b"\r\n\r\n")
        path = head.split(b" ")[1].decode().partition("/v2/api")[2]
        self.asked.append((path, json.loads(body)))
        answers = self.by_path.get(path)
        if answers is None:
            return
        await visit.answer(answers.pop(0) if len(answers) > 1 else answers[0], headers="Connection: close\r\n")

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]


def said(data: object) -> bytes:
    return json.dumps({"ret": 200, "msg": "操作成功", "data": data}).encode()


def refusal(msg: str | None, cause: str | None = None) -> bytes:
    return json.dumps({"ret": 500, "msg": msg, "data": {"code": "-1", "msg": cause}}).encode()


def done(data: object) -> Answering:
    return Answering(said(data))


def failed(msg: str | None, cause: str | None = None) -> Answering:
    return Answering(refusal(msg, cause))
