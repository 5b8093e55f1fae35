"""Sockets: our own, stale ones, systemd's; and stopping without losing anybody."""

import asyncio
import os
import socket
import stat
import time
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import uvloop
from aiohttp import ClientConnectorError, ClientError, ClientSession, web

from daemon.domain.access import Role
from daemon.errors import Conflict
from daemon.net.server.call import Call
from daemon.net.server.listen import Listener, open_tcp, open_unix
from daemon.net.server.routes import Open, Routes
from tests.net.server.served import Served, serving_routes

Scenario = Coroutine[Any, Any, None]
LOOPS: dict[str, Callable[[Scenario], None]] = {"asyncio": asyncio.run, "uvloop": uvloop.run}


@pytest.mark.parametrize("loop", LOOPS)
def test_the_uid_at_the_other_end_of_the_unix_socket_decides_the_role(tmp_path: Path, loop: str) -> None:
    async def scenario() -> None:
        async with serving_routes(tmp_path, uids={os.getuid(): Role.ADMIN}) as api:
            through_socket = await api.get("/api/v1/keys", role=None, local=True)
            through_tcp = await api.get("/api/v1/keys", role=None)
            assert through_socket.status == 200
            assert through_socket.headers["RateLimit-Policy"].startswith('"uid"')
            assert through_tcp.status == 401

    LOOPS[loop](scenario())


async def test_a_uid_with_no_role_is_forbidden_and_may_still_read_metrics(tmp_path: Path) -> None:
    async with serving_routes(tmp_path, uids={}) as api:
        keys = await api.get("/api/v1/keys", role=None, local=True)
        metrics = await api.get("/metrics", role=None, local=True)
        on_tcp = await api.get("/metrics", role=None)
        assert (keys.status, keys.code) == (403, "auth.uid")
        assert metrics.status == 200
        assert on_tcp.status == 401


async def test_the_unix_socket_is_for_its_group_and_goes_away_in_the_end(tmp_path: Path) -> None:
    async with serving_routes(tmp_path):
        assert stat.S_IMODE((tmp_path / "api.sock").stat().st_mode) == 0o660
    assert not (tmp_path / "api.sock").exists()


def test_a_stale_socket_file_is_replaced_and_a_living_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    open_unix(path).socket.close()
    assert path.exists()
    living = open_unix(path)
    living.socket.listen()
    with pytest.raises(Conflict):
        open_unix(path)
    living.socket.close()


def test_a_port_that_is_taken_is_told_by_name() -> None:
    first = open_tcp("127.0.0.1", 0)
    first.socket.listen()
    with pytest.raises(Conflict, match="already"):
        open_tcp("127.0.0.1", first.socket.getsockname()[1])
    first.socket.close()


ARRIVED = web.AppKey("arrived", asyncio.Event)
LEAVE = web.AppKey("leave", asyncio.Event)
patient = Routes("Patient")


@patient.get("/wait", role=Open.PUBLIC, summary="Answers when it is let go")
async def wait(call: Call) -> None:
    call.service(ARRIVED).set()
    await call.service(LEAVE).wait()


async def test_a_stop_finishes_what_is_at_work_and_takes_nobody_new(tmp_path: Path) -> None:
    arrived, leave = asyncio.Event(), asyncio.Event()
    async with AsyncExitStack() as stack, ClientSession() as http:
        api = await stack.enter_async_context(
            serving_routes(tmp_path, patient, services=lambda _: {ARRIVED: arrived, LEAVE: leave})
        )
        asked = asyncio.create_task(http.get(api.url + "/wait"))
        await asyncio.wait_for(arrived.wait(), 2)
        stopping = asyncio.create_task(stack.aclose())
        await asyncio.wait_for(api.readiness.stopping.wait(), 2)
        with pytest.raises(ClientConnectorError):
            await http.get(api.url + "/healthz")
        assert not asked.done()
        leave.set()
        async with await asked as answer:
            assert answer.status == 204
        await stopping


async def test_a_stop_waits_no_longer_than_it_may(tmp_path: Path) -> None:
    arrived = asyncio.Event()
    drain = timedelta(seconds=0.2)
    async with ClientSession() as http:
        async with serving_routes(
            tmp_path, patient, services=lambda _: {ARRIVED: arrived, LEAVE: asyncio.Event()}, drain=drain
        ) as api:
            asked = asyncio.create_task(http.get(api.url + "/wait"))
            await asyncio.wait_for(arrived.wait(), 2)
            began = time.monotonic()
        assert time.monotonic() - began < 2
        with pytest.raises(ClientError):
            await asked


OUTCOMES = web.AppKey("outcomes", list[str])
deserted = Routes("Deserted")


@deserted.get("/work", role=Open.PUBLIC, summary="Goes on when its caller has gone")
async def work(call: Call) -> None:
    call.service(ARRIVED).set()
    outcomes = call.service(OUTCOMES)
    try:
        await call.service(LEAVE).wait()
        outcomes.append("finished")
    except asyncio.CancelledError:
        outcomes.append("cut")
        raise


@pytest.mark.parametrize(("in_time", "outcome"), [(True, "finished"), (False, "cut")])
async def test_a_stop_knows_of_what_is_at_work_for_a_caller_who_has_gone(
    tmp_path: Path, in_time: bool, outcome: str
) -> None:
    arrived, leave, outcomes = asyncio.Event(), asyncio.Event(), list[str]()
    given: dict[web.AppKey[Any], Any] = {ARRIVED: arrived, LEAVE: leave, OUTCOMES: outcomes}
    drain = timedelta(seconds=20 if in_time else 0.1)
    async with AsyncExitStack() as stack, ClientSession() as http:
        api = await stack.enter_async_context(serving_routes(tmp_path, deserted, services=lambda _: given, drain=drain))
        asked = asyncio.create_task(http.get(api.url + "/work"))
        await asyncio.wait_for(arrived.wait(), 2)
        asked.cancel()  # closes its connection
        await asyncio.wait({asked})
        await _none_connected(api)
        stopping = asyncio.create_task(stack.aclose())
        await asyncio.wait_for(api.readiness.stopping.wait(), 2)
        if in_time:
            leave.set()
        await stopping
        assert outcomes == [outcome]


async def _none_connected(api: Served) -> None:
    async with asyncio.timeout(5):
        while True:
            if api.registry.get_sample_value("qiaod_http_connections") == 0:
                return
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("loop", LOOPS)
def test_callers_wait_in_the_backlog_of_a_socket_that_systemd_holds(tmp_path: Path, loop: str) -> None:
    held = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{held.getsockname()[1]}"

    async def generation(number: int) -> AbstractAsyncContextManager[Served]:
        folder = tmp_path / str(number)
        folder.mkdir()
        return serving_routes(folder, listeners=[Listener(name="http", socket=held.dup())])

    async def scenario() -> None:
        async with ClientSession() as http:
            async with await generation(1), http.get(url + "/healthz") as answer:
                assert answer.status == 200
            between = asyncio.create_task(http.get(url + "/healthz"))
            await asyncio.sleep(0.2)  # it is not refused, and nobody answers
            assert not between.done()
            async with await generation(2), await asyncio.wait_for(between, 2) as answer:
                assert answer.status == 200

    LOOPS[loop](scenario())
    held.close()
