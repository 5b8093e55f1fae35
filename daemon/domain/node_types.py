"""What a node of a workflow is for, in words that are the same for every provider. Pure.

A kind that is not known here keeps the provider's own word: the services grow new ones.
"""

from daemon.domain.workflow import Provider

OTHER = "other"
WHOLE = "webhook"  # our own kind of n8n's run as one node, where it does not tell of those within

FASTGPT = {
    "workflowStart": "start",
    "pluginInput": "start",
    "classifyQuestion": "intent",
    "contentExtract": "extract",
    "chatNode": "llm",
    "cfr": "llm",  # it rewrites the question
    "agent": "agent",
    "tools": "agent",  # a model that chooses its tools; in 4.12 it was called agent, too
    "datasetSearchNode": "knowledge",
    "datasetConcatNode": "knowledge",
    "tool": "tool",
    "toolSet": "tool",
    "toolParams": "tool",
    "stopTool": "tool",
    "pluginModule": "tool",
    "code": "code",
    "httpRequest468": "http",
    "lafModule": "http",
    "ifElseNode": "condition",
    "variableUpdate": "variable",
    "textEditor": "text",
    "answerNode": "answer",
    "customFeedback": "answer",
    "readFiles": "file",
    "userSelect": "question",
    "formInput": "question",
    "loop": "loop",
    "loopStart": "loop",
    "loopEnd": "loop",
    "loopRun": "loop",
    "loopRunStart": "loop",
    "loopRunBreak": "loop",
    "parallelRun": "loop",
    "appModule": "workflow",
    "app": "workflow",
    "pluginOutput": "end",
}
N8N = {  # without the package's name, in lower case
    "start": "start",
    "webhook": "start",
    "textclassifier": "intent",
    "sentimentanalysis": "intent",
    "informationextractor": "extract",
    "agent": "agent",
    "agenttool": "tool",
    "openai": "llm",
    "anthropic": "llm",
    "googlegemini": "llm",
    "httprequest": "http",
    "graphql": "http",
    "code": "code",
    "function": "code",
    "functionitem": "code",
    "executecommand": "code",
    "if": "condition",
    "switch": "condition",
    "filter": "condition",
    "set": "variable",
    "editfields": "variable",
    "merge": "variable",
    "splitinbatches": "loop",
    "executeworkflow": "workflow",
    "wait": "wait",
    "stopanderror": "end",
    "respondtowebhook": "end",
    "chat": "answer",
}
N8N_BEGINNINGS = (  # of whole families
    ("lm", "llm"),
    ("chain", "llm"),
    ("tool", "tool"),
    ("mcpclient", "tool"),
    ("vectorstore", "knowledge"),
    ("retriever", "knowledge"),
    ("embeddings", "knowledge"),
    ("memory", "memory"),
)


def node_type(provider: Provider, kind: str) -> str:
    """`kind`: the provider's own word, as in `Node.kind`."""
    match provider:
        case Provider.FASTGPT:
            return FASTGPT.get(kind, kind or OTHER)
        case Provider.N8N:
            return _of_n8n(kind)
        case Provider.OPENAI:
            return kind or "llm"


def _of_n8n(kind: str) -> str:
    """`@n8n/n8n-nodes-langchain.lmChatOpenAi`, `n8n-nodes-base.scheduleTrigger`."""
    if kind == WHOLE:
        return "workflow"
    name = kind.rpartition(".")[2].lower()
    if name in N8N:
        return N8N[name]
    if name.endswith("trigger"):
        return "start"
    return next((meant for beginning, meant in N8N_BEGINNINGS if name.startswith(beginning)), kind or OTHER)
