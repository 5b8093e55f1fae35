"""A Python that has imported the packages the daemon is built on, and does nothing: `python -m bench.imported`."""

import signal

import aiohttp.web
import aiosqlite
import attrs
import orjson
import structlog
import uvloop

if __name__ == "__main__":
    print(*(package.__name__ for package in (aiohttp.web, aiosqlite, attrs, orjson, structlog, uvloop)), flush=True)
    signal.pause()
