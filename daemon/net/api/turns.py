"""Turns: rate an answer, stop one that is being made. They are listed with their conversation."""

from typing import Annotated

from attrs import frozen

from daemon.domain.access import Role
from daemon.domain.turn import Feedback
from daemon.net.api.conversations import TurnView, turn_view
from daemon.net.api.services import WORKFLOW_DESK
from daemon.net.server.call import Call
from daemon.net.server.constraints import Length, Note
from daemon.net.server.routes import Routes

routes = Routes("Turns")

PATH = "/api/v1/turns"


@frozen(kw_only=True)
class FeedbackBody:
    feedback: Feedback
    text: Annotated[str, Length(0, 2000), Note("Why, as the people who keep the workflow read it.")] = ""


@routes.get(PATH + "/{turn_id}", role=Role.OPERATOR, summary="Show a turn")
async def show(call: Call, turn_id: str) -> TurnView:
    turn = await call.service(WORKFLOW_DESK).turn(turn_id)
    call.allow(turn.account_id)
    return turn_view(turn)


@routes.post(
    PATH + "/{turn_id}/feedback", role=Role.OPERATOR, summary="Say whether an answer was good or bad", effect=True
)
async def rate(call: Call, turn_id: str, body: FeedbackBody) -> TurnView:
    desk = call.service(WORKFLOW_DESK)
    call.allow((await desk.turn(turn_id)).account_id)
    return turn_view(await desk.rate(turn_id, body.feedback, words=body.text, by=call.actor))


@routes.post(PATH + "/{turn_id}/stop", role=Role.OPERATOR, summary="Stop a turn that is being answered", effect=True)
async def stop(call: Call, turn_id: str) -> TurnView:
    desk = call.service(WORKFLOW_DESK)
    call.allow((await desk.turn(turn_id)).account_id)
    return turn_view(await desk.stop(turn_id, by=call.actor))
