"""The API as OpenAI has it, so that its SDKs work with our workflows: each of them is a model."""

from collections.abc import Coroutine
from typing import Annotated, Any, Literal

from aiohttp import web
from attrs import field, frozen

from daemon.clock import to_ms
from daemon.domain.workflow import Provider, Workflow
from daemon.engine.chatting import Told
from daemon.engine.completions import Prompt
from daemon.engine.dialogues import Remark
from daemon.engine.follower import Follower
from daemon.errors import Invalid, RemoteRefused
from daemon.net.api.checks import refuse_inside
from daemon.net.api.fastgpt import ASKERS
from daemon.net.api.openai_answer import Chunks, CompletionView, Heading, whole
from daemon.net.api.openai_body import MOST_BODY, MOST_NAME, CompletionBody, parameters, refuse_unsupported, said_in
from daemon.net.api.openai_errors import OPENAI
from daemon.net.api.services import COMPLETIONS, DIALOGUES
from daemon.net.server.attended import attended
from daemon.net.server.call import MOST_LIMIT, Call, Reply
from daemon.net.server.constraints import Length, Note
from daemon.net.server.events import MEDIA_TYPE, EventStream, Framing
from daemon.net.server.idempotency import HEADER as IDEMPOTENCY
from daemon.net.server.routes import Routes

routes = Routes("OpenAI", OPENAI)

PATH = "/v1"
CONVERSATION = "X-Conversation-Id"
TOOK = "OpenAI-Processing-Ms"
ASKED_WRONGLY = frozenset({"openai.bad_request", "openai.filtered", "openai.too_long"})  # by the question itself


@frozen(kw_only=True)
class ModelView:
    id: str
    created: Annotated[int, Note("Seconds since 1970.")]
    owned_by: Annotated[Provider, Note("Of what provider the workflow is.")]
    name: Annotated[str, Note("Of the workflow; as good as its id where no other is named so.")]
    object: Literal["model"] = "model"


@frozen(kw_only=True)
class ModelsView:
    data: list[ModelView]
    object: Literal["list"] = "list"
    has_more: Annotated[bool, Note("There are more than can be listed; each can be asked all the same.")] = field(
        default=False
    )


@routes.post(
    PATH + "/chat/completions",
    role=ASKERS,
    summary="Complete a chat, as OpenAI does",
    effect=True,
    produces=MEDIA_TYPE,
    body_most=MOST_BODY,
    lenient=True,
)
async def complete(call: Call, body: CompletionBody) -> Reply[CompletionView] | web.StreamResponse:
    """With `X-Conversation-Id`, in a stored conversation of `user`: of the messages the last alone counts then."""
    clock = call.service(COMPLETIONS).db.clock
    began = clock.monotonic()

    def headers() -> dict[str, str]:
        took = {TOOK: str(round((clock.monotonic() - began) * 1000))}
        return took | ({CONVERSATION: conversation} if conversation else {})

    workflow = await call.service(COMPLETIONS).model(body.model, by=call.actor)
    refuse_unsupported(body, workflow)
    conversation = _conversation(call, body)
    heading = Heading(id=f"chatcmpl-{call.id}", created=to_ms(clock.now()) // 1000, model=body.model)
    if not body.stream:
        told = _told(call, body, workflow, conversation, None)
        return Reply(body=whole(heading, await _awaited(call, told)), headers=headers())
    options = body.stream_options
    chunks = Chunks(heading, with_usage=bool(options and options.include_usage))
    stream = EventStream(call, Framing(end=chunks.end, error=chunks.error, held=True, headers=headers))
    chunks.stream = stream
    follower = Follower(heard=chunks.hear, restarted=_nothing, final=True)
    return await stream.over(_reworded(_told(call, body, workflow, conversation, follower)))


@routes.get(PATH + "/models", role=ASKERS, summary="List the models: every workflow is one", lenient=True)
async def models(call: Call) -> ModelsView:
    found = await call.service(COMPLETIONS).models(by=call.actor, limit=MOST_LIMIT + 1)
    return ModelsView(data=[_model(one) for one in found[:MOST_LIMIT]], has_more=len(found) > MOST_LIMIT)


@routes.get(PATH + "/models/{model}", role=ASKERS, summary="Show a model, by its id or its name", lenient=True)
async def model(call: Call, model: Annotated[str, Length(1, MOST_NAME)]) -> ModelView:
    return _model(await call.service(COMPLETIONS).model(model, by=call.actor))


async def _awaited(call: Call, told: Coroutine[Any, Any, Told]) -> Told:
    """Who hangs up ends the run; but for one who can come back for the answer, with the same Idempotency-Key."""
    if IDEMPOTENCY in call.request.headers:
        return await _reworded(told)
    async with attended(call.request):
        return await _reworded(told)


async def _reworded(told: Coroutine[Any, Any, Told]) -> Told:
    """What the caller asked for and the model does not take is a fault of theirs, as it is at OpenAI."""
    try:
        return await told
    except RemoteRefused as refusal:
        if refusal.code not in ASKED_WRONGLY:
            raise
        raise Invalid(refusal.code, (), **refusal.facts) from None


def _told(
    call: Call, body: CompletionBody, workflow: Workflow, conversation: str | None, follower: Follower | None
) -> Coroutine[Any, Any, Told]:
    """The answer to come. What is wrong with the messages is told before anybody is asked."""
    messages, variables = said_in(body.messages), parameters(body, workflow)
    refuse_inside(
        call, ((f"messages[{n}].content", one.url) for n, said in enumerate(messages) for one in said.attachments)
    )
    if conversation is None:
        prompt = Prompt(workflow_id=workflow.id, messages=messages, user=body.user or None, variables=variables)
        return call.service(COMPLETIONS).complete(prompt, by=call.actor, follower=follower)
    remark = Remark(
        dialogue_id=conversation,
        user_id=body.user or "",
        message=messages[-1].text,
        workflow_id=workflow.id,
        variables=variables,
        attachments=messages[-1].attachments,
    )
    return _replied(call, remark, follower)


async def _replied(call: Call, remark: Remark, follower: Follower | None) -> Told:
    return (await call.service(DIALOGUES).say(remark, by=call.actor, follower=follower)).told


def _conversation(call: Call, body: CompletionBody) -> str | None:
    """The stored conversation that the caller names; None: there is none, and the messages are all there is."""
    named = call.request.headers.get(CONVERSATION)
    if named is None:
        return None
    if not _is_name(named):
        raise Invalid("completion.conversation")
    if not body.user or not _is_name(body.user):
        raise Invalid("completion.no_user", param="user")
    return named


def _is_name(text: str) -> bool:
    return 0 < len(text) <= MOST_NAME and bool(text.strip()) and text.isprintable()


def _model(workflow: Workflow) -> ModelView:
    return ModelView(
        id=workflow.id,
        created=to_ms(workflow.created_at) // 1000,
        owned_by=workflow.provider,
        name=workflow.name,
    )


def _nothing() -> None:
    """Of what was said nothing can be taken back: nobody else is asked then."""
