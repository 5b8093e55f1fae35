"""What intake is held against: the smallest servers that answer the same body. `python -m bench.bare plain|commit`.

Both are aiohttp on uvloop and parse the callback. `plain` answers then; `commit` first keeps it through aiosqlite, one
transaction a request with `synchronous=FULL`, as the usual handler does.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

import aiosqlite
import uvloop
from aiohttp import web

from daemon.codec import encode, parse

TAKEN = encode({"ok": True})


def answer() -> web.Response:
    return web.Response(body=TAKEN, content_type="application/json")


async def plain(request: web.Request) -> web.Response:
    parse(await request.read())
    return answer()


def committing(db: aiosqlite.Connection) -> web.Application:
    transaction = asyncio.Lock()

    async def commit(request: web.Request) -> web.Response:
        body = await request.read()
        identifier = str(parse(body)["Data"]["NewMsgId"])
        async with transaction:
            await db.execute("INSERT INTO messages (id, body) VALUES (?, ?) ON CONFLICT DO NOTHING", (identifier, body))
            await db.commit()
        return answer()

    app = web.Application()
    app.router.add_post("/{path:.*}", commit)
    return app


async def serve(app: web.Application) -> None:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=4096)
    await site.start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}/callback", flush=True)
    await asyncio.Event().wait()


async def main(kind: str) -> None:
    if kind == "plain":
        app = web.Application()
        app.router.add_post("/{path:.*}", plain)
        await serve(app)
        return
    with tempfile.TemporaryDirectory() as folder:
        async with aiosqlite.connect(Path(folder) / "db") as db:
            await db.executescript(
                """
                PRAGMA journal_mode = WAL;
                PRAGMA synchronous = FULL;
                CREATE TABLE messages (id TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
                """
            )
            await serve(committing(db))


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
