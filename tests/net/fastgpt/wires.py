"""FastGPT's answers as they are on the wire, invented but of the exact shape."""

import json
from typing import Any

ASKED = "How long do I have to return shoes?"
SAID = "You can return unworn shoes within 30 days."

START: dict[str, Any] = {
    "moduleName": "common:core.module.template.work_start",
    "moduleType": "workflowStart",
    "id": "Jd03kQmB1xZa",
    "nodeId": "ws1Aa0",
    "runningTime": 0,
}
INTENT: dict[str, Any] = {
    "moduleName": "Intent",
    "moduleType": "classifyQuestion",
    "totalPoints": 0.215,
    "model": "gpt-4o-mini",
    "query": ASKED,
    "inputTokens": 412,
    "outputTokens": 6,
    "cqList": [{"value": "Returns and refunds", "key": "wqre"}, {"value": "Other", "key": "oth1"}],
    "cqResult": "Returns and refunds",
    "id": "p7YkX2aVn0Lm",
    "nodeId": "cq8Hf2",
    "runningTime": 0.94,
}
SEARCH: dict[str, Any] = {
    "moduleName": "Policy search",
    "moduleType": "datasetSearchNode",
    "totalPoints": 0.0009,
    "datasetQueries": [ASKED],
    "embeddingModel": "text-embedding-3-small",
    "embeddingTokens": 9,
    "similarity": 0.4,
    "limit": 3000,
    "searchMode": "embedding",
    "quoteList": [{"id": "d1", "q": "Return period", "a": "30 days, unworn", "sourceName": "policy.csv"}],
    "id": "Zr5m9TqUe1Bc",
    "nodeId": "ds5Kq1",
    "runningTime": 0.61,
}
CHAT: dict[str, Any] = {
    "moduleName": "AI Chat",
    "moduleType": "chatNode",
    "totalPoints": 0.754,
    "model": "gpt-4o-mini",
    "inputTokens": 1286,
    "outputTokens": 74,
    "query": ASKED,
    "historyPreview": [
        {"obj": "System", "value": "You are a shop assistant."},
        {"obj": "Human", "value": ASKED},
        {"obj": "AI", "value": SAID},
    ],
    "finishReason": "stop",
    "id": "a1B2c3D4e5F6",
    "nodeId": "ai7Lw9",
    "runningTime": 1.86,
}
ROWS = [START, INTENT, SEARCH, CHAT]
FAILED: dict[str, Any] = {
    "moduleName": "AI Chat",
    "moduleType": "chatNode",
    "errorText": "429 upstream overloaded",
    "error": "429 upstream overloaded",
    "id": "x1",
    "nodeId": "ai7Lw9",
    "runningTime": 0.4,
}
SELECT = {
    "type": "userSelect",
    "params": {
        "description": "Refund or exchange?",
        "userSelectOptions": [{"key": "option1", "value": "Refund"}, {"key": "option2", "value": "Exchange"}],
    },
}


def completion(content: Any = SAID, **more: Any) -> bytes:
    document = {
        "id": "t-1001",
        "model": "",
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 1},
        "choices": [{"message": {"role": "assistant", "content": content}, "finish_reason": "stop", "index": 0}],
        **more,
    }
    return json.dumps(document).encode()


def event(name: str | None, document: Any) -> bytes:
    text = document if isinstance(document, str) else json.dumps(document, ensure_ascii=False)
    return ((f"event: {name}\n" if name else "") + f"data: {text}\n\n").encode()


def chunk(delta: dict[str, Any], finish: str | None = None, name: str | None = "answer") -> bytes:
    choice = {"delta": delta, "index": 0, "finish_reason": finish}
    return event(name, {"id": "", "object": "", "created": 0, "model": "", "choices": [choice]})


def word(text: str, name: str | None = "answer") -> bytes:
    return chunk({"role": "assistant", "content": text}, name=name)


WORDS = word("You can return") + word(" unworn shoes within 30 days.")
STOP = chunk({"role": "assistant", "content": None}, "stop")
DONE = event("answer", "[DONE]")
HEARTBEAT = word("")
DURATION = event("workflowDuration", {"durationSeconds": 3.45})


def details(rows: Any = None) -> bytes:
    return event("flowResponses", ROWS if rows is None else rows)


def node(row: dict[str, Any]) -> bytes:
    return event("flowNodeResponse", row)
