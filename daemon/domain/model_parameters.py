"""What a plain model takes beside its messages: named among a workflow's variables, sent as parameters of the call.

Variables of other names fill `{{name}}` in its system prompt.
"""

from collections.abc import Mapping
from typing import Any

NUMBER, WHOLE, WORD, LIST, OBJECT, SWITCH = "a number", "a whole number", "a text", "a list", "an object", "a boolean"

PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "temperature": (NUMBER,),
    "top_p": (NUMBER,),
    "top_k": (WHOLE,),
    "min_p": (NUMBER,),
    "max_tokens": (WHOLE,),
    "max_completion_tokens": (WHOLE,),
    "presence_penalty": (NUMBER,),
    "frequency_penalty": (NUMBER,),
    "repetition_penalty": (NUMBER,),
    "stop": (WORD, LIST),
    "seed": (WHOLE,),
    "response_format": (OBJECT,),
    "reasoning_effort": (WORD,),
    "enable_thinking": (SWITCH,),  # Qwen's
    "thinking": (OBJECT,),  # DeepSeek's and GLM's
    "chat_template_kwargs": (OBJECT,),  # vLLM's
    "service_tier": (WORD,),
}


def parameters(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the variables that are one; what has no value is left to the service."""
    return {name: value for name, value in variables.items() if name in PARAMETERS and value is not None}


def misfits(variables: Mapping[str, Any]) -> dict[str, str]:
    """By name, what those should be that are of the wrong kind."""
    given = parameters(variables)
    return {name: " or ".join(PARAMETERS[name]) for name, value in given.items() if _kind(value) not in _kinds(name)}


def _kinds(name: str) -> set[str]:
    wanted = set(PARAMETERS[name])
    return wanted | {WHOLE} if NUMBER in wanted else wanted


def _kind(value: object) -> str:
    match value:
        case bool():
            return SWITCH
        case int():
            return WHOLE
        case float():
            return NUMBER
        case str():
            return WORD
        case list():
            return LIST
        case _:
            return OBJECT
