"""Tasks done by n8n: the one route of the seed, whose fields, statuses and codes are the contract."""

# ruff: noqa: N815  # the names of the seed's documents

from typing import Annotated, Any

from attrs import field, frozen

from daemon.domain.access import Role
from daemon.domain.call_log import Served
from daemon.engine.ai_webhooks import Done, Task
from daemon.errors import N8nWebhookError, QiaodError
from daemon.net.api.services import AI_WEBHOOKS
from daemon.net.server.call import Call
from daemon.net.server.constraints import Length, Note, Pattern, Rest
from daemon.net.server.routes import Routes

routes = Routes("AI webhook")

PATH = "/api/ai/webhook/"
CALLERS = (Role.OPERATOR, Role.AGENT)
MOST_FIELDS = 100
MOST_INPUT = 200_000  # characters
NO_CACHE = "no-cache"
NOT_BLANK = r"[\s\S]*\S[\s\S]*"

TaskType = Annotated[
    str,
    Length(1, 100),
    Pattern(r"[^\x00-\x20\x7f]([^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?"),
    Note("Which webhook: the active one of this type.", "ragAI"),
]
SessionId = Annotated[
    str, Length(1, 200), Pattern(NOT_BLANK), Note("Of your own naming: n8n's memory goes by it.", "s1")
]
Extra = Annotated[dict[str, Any], Rest(MOST_FIELDS)]


@frozen(kw_only=True)
class TaskBody:
    """Any other field goes to n8n beside these, except under one of the names of the standard request."""

    task_type: TaskType
    chatInput: Annotated[str, Length(1, MOST_INPUT), Pattern(NOT_BLANK), Note("What is asked.")]
    sessionId: SessionId
    metadata: Annotated[dict[str, Any], Note("Goes to n8n as it is.")] = field(factory=dict)
    no_cache: Annotated[bool, Note("Not from the cache; as the header `Cache-Control: no-cache`.")] = False
    extra: Extra = field(factory=dict)


@frozen(kw_only=True)
class TaskView:
    success: bool
    task_type: str
    session_id: str
    output: Annotated[str, Note("The text of the answer; empty where it has none.")]
    data: Annotated[Any, Note("What n8n said: JSON as it is, of bytes their type and number.")]
    cached: Annotated[bool, Note("Without a run of its own: from the cache, or by an equal call's run.")]
    attempts: Annotated[int, Note("How often n8n was asked; 0 where it is cached.")]
    duration_ms: int
    call_id: Annotated[str, Note("In the log of calls; n8n has it as `requestId`.")]


class Unanswered(QiaodError):
    """n8n gave no answer: under the code that the seed's clients know. The finer one is in `reason`."""

    def __init__(self, error: N8nWebhookError) -> None:
        super().__init__(error.kind, **error.facts)
        self.error = error
        self.may_have_run = error.may_have_run
        self.retry_after = getattr(error, "retry_after", None)
        self.members = {"reason": error.code, "may_have_run": error.may_have_run}

    def text(self, language: str = "en") -> str:
        return self.error.text(language)


class BadAnswer(Unanswered):
    """It answered, and not as it should."""


STATUSES: dict[type[QiaodError], int] = {Unanswered: 500, BadAnswer: 502}  # the seed's


@routes.post(PATH, role=CALLERS, summary="Have a task done by n8n", effect=True, statuses=STATUSES)
async def ask(call: Call, body: TaskBody) -> TaskView:
    """Answered from the cache where the webhook allows it. 404 where no active webhook does such tasks."""
    told = call.request.headers.get("Cache-Control", "")
    task = Task(
        task_type=body.task_type,
        text=body.chatInput,
        session_id=body.sessionId,
        extra=body.extra,
        metadata=body.metadata,
        fresh=body.no_cache or NO_CACHE in told.lower(),
    )
    try:
        done = await call.service(AI_WEBHOOKS).call(task, by=call.actor)
    except N8nWebhookError as error:
        raise unanswered(error) from error
    return view(task, done)


def unanswered(error: N8nWebhookError) -> Unanswered:
    return BadAnswer(error) if error.kind == N8nWebhookError.kind else Unanswered(error)


def view(task: Task, done: Done) -> TaskView:
    return TaskView(
        success=True,
        task_type=task.task_type,
        session_id=task.session_id,
        output=done.answer.text,
        data=done.answer.data,
        cached=done.served is not Served.RUN,
        attempts=done.attempts,
        duration_ms=round(done.seconds * 1000),
        call_id=done.call_id,
    )
