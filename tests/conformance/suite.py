"""The providers of the suite, and what each cannot do."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager

from tests.conformance import fastgpt, n8n, openai
from tests.conformance.subject import Subject

PROVIDERS: Mapping[str, Callable[[], AbstractAsyncContextManager[Subject]]] = {
    "fastgpt": fastgpt.fastgpt,
    "n8n": n8n.n8n,
    "openai": openai.openai,
}
CANNOT: Mapping[str, Mapping[str, str]] = {  # provider, case, and why it cannot have it
    "fastgpt": fastgpt.CANNOT,
    "n8n": n8n.CANNOT,
    "openai": openai.CANNOT,
}
