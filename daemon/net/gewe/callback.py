"""GeWe's deliveries: POST …/gewe/webhook/callback/{callback_key}. The path is a secret and never logged."""

from typing import Annotated

from attrs import frozen

from daemon.domain.access import within
from daemon.net.api.accounts import CALLBACK_PATH
from daemon.net.api.services import ACCOUNTS, CALLBACK_ALLOW, INTAKE
from daemon.net.server.auth import DOOR
from daemon.net.server.call import Call
from daemon.net.server.constraints import Note
from daemon.net.server.problems import Refused
from daemon.net.server.receive import read_body
from daemon.net.server.routes import Open, Routes

routes = Routes("GeWe callback")

BODY_MOST = 256 * 1024  # bytes: an image's thumbnail and a voice come inline, some tens of kB


@frozen(kw_only=True)
class Taken:
    """The same for every delivery: a stranger learns nothing from it."""

    ok: Annotated[bool, Note("It is kept; it need not come again.")] = True


@routes.post(
    CALLBACK_PATH + "/{callback_key}",
    role=Open.CALLBACK,
    summary="GeWe delivers a message or an event",
    body_most=BODY_MOST,
    lenient=True,
    express=True,
)
async def deliver(call: Call, callback_key: str) -> Taken:
    """A wrong secret, or an account of somebody else, is answered like any path that is not there."""
    group = call.service(ACCOUNTS).behind_callback(callback_key)
    if group is None:
        raise _forged(call, "secret")
    body = await read_body(call.request, BODY_MOST)
    if not await call.service(INTAKE).receive(body, group, request_id=call.id):
        raise _forged(call, "account")
    return Taken()


@routes.post(
    CALLBACK_PATH,
    role=Open.CALLBACK,
    summary="The same without a secret, from the addresses of gewe.callback_allow only",
    body_most=BODY_MOST,
    lenient=True,
)
async def deliver_unnamed(call: Call) -> Taken:
    """For a GeWe that cannot be given a secret. By default no address is allowed, and there is no such path."""
    if not within(call.address, call.service(CALLBACK_ALLOW)):
        raise _forged(call, "address")
    body = await read_body(call.request, BODY_MOST)
    if not await call.service(INTAKE).receive(body, None, request_id=call.id):
        raise _forged(call, "account")
    return Taken()


def _forged(call: Call, wrong: str) -> Refused:
    """Noted, and answered like any path that is not there."""
    call.app[DOOR].strange(call.request, "callback.forged", CALLBACK_PATH, wrong=wrong)
    return Refused(404)
