"""What is asked of FastGPT: its addresses and bodies. Field names here are theirs."""

from typing import Any

from daemon.domain.workflow import Attachment, AttachmentKind, Question, Said, Workflow

API = "/api"
LONGEST_USER = 1024  # characters of customUid
RECORDS = 20  # the newest of a chat: the lane asks one question at a time, so ours is among them
TRIES = 3  # names that one turn's answer may have: one that was cut off leaves its name taken

# Since 4.14.11 these live below /record; each is also known by its older path.
RECORDS_PATHS = ("/core/chat/record/getPaginationRecords", "/core/chat/getPaginationRecords")
DETAIL_PATHS = ("/core/chat/record/getResData", "/core/chat/getResData")


def base(workflow: Workflow) -> str:
    """Where its API begins, also where the address was given without /api or as OpenAI's clients want it."""
    url = workflow.base_url.rstrip("/")
    for version in ("/v1", "/v2"):
        url = url.removesuffix(version).rstrip("/")
    return url if url.endswith(API) else url + API


def completions(workflow: Workflow) -> str:
    return f"{base(workflow)}/{workflow.endpoint}/chat/completions"


def stop(workflow: Workflow) -> str:
    return f"{base(workflow)}/v2/chat/stop"


def headers(workflow: Workflow) -> dict[str, str]:
    return {"Authorization": f"Bearer {workflow.key.reveal()}"}


def names(question: Question) -> tuple[str, ...]:
    """What the answer's record is called: a name is taken for good by a run that did not end well.

    The answer to a pause belongs to the record that paused.
    """
    if question.resumes is not None:
        return (question.resumes,)
    return (question.turn_id, *(f"{question.turn_id}-{number}" for number in range(2, TRIES + 1)))


def run(workflow: Workflow, question: Question, name: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "stream": workflow.stream,
        "detail": True,
        "responseChatItemId": name,
        "customUid": question.user[:LONGEST_USER],
        "variables": {**workflow.variables, **question.variables},
        "messages": [_message(line) for line in _messages(question)],
    }
    if question.conversation is not None:
        body["chatId"] = question.conversation
    if workflow.app_id:
        body["appId"] = workflow.app_id
    return body


def chat(workflow: Workflow, question: Question) -> dict[str, str] | None:
    """What names the chat; None where FastGPT cannot be asked about it."""
    if question.conversation is None or not workflow.app_id:
        return None
    return {"appId": workflow.app_id, "chatId": question.conversation}


def _messages(question: Question) -> tuple[Said, ...]:
    """With a chatId FastGPT reads only the last one, and has the rest itself, its prompt included."""
    return question.messages if question.conversation is None else question.messages[-1:]


def _message(line: Said) -> dict[str, Any]:
    if not line.attachments:
        return {"role": line.role, "content": line.text}
    words = [{"type": "text", "text": line.text}] if line.text else []
    return {"role": line.role, "content": [*words, *map(_part, line.attachments)]}


def _part(attachment: Attachment) -> dict[str, Any]:
    if attachment.kind is AttachmentKind.IMAGE:
        return {"type": "image_url", "image_url": {"url": attachment.url}}
    return {"type": "file_url", "name": attachment.name or "file", "url": attachment.url}
