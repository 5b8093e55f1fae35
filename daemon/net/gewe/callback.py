"""GeWe's deliveries: POST …/gewe/webhook/callback/{callback_key}. The path is a secret and never logged."""

from typing import Annotated

from attrs import frozen

from daemon.net.api.accounts import CALLBACK_PATH
from daemon.net.api.services import ACCOUNTS, INTAKE
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
        raise Refused(404)
    body = await read_body(call.request, BODY_MOST)
    if not await call.service(INTAKE).receive(body, group, request_id=call.id):
        raise Refused(404)
    return Taken()
