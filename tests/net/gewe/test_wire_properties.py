"""Whatever the bytes are: a callback, or Invalid."""

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.codec import encode_text
from daemon.domain.message import Message
from daemon.errors import Invalid
from daemon.net.gewe.bodies import document
from daemon.net.gewe.wire import read
from tests.net.gewe.samples import NAMES, raw, sample

NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)
SAMPLES = [raw(sample(name)) for name in NAMES]
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=2**63, max_value=2**70)
    | st.floats(allow_nan=False)
    | st.text(st.characters(), max_size=20)
    | st.sampled_from(["\0", "a:\n", "@chatroom", "<msg", "<!DOCTYPE x>", ",,", "notify@all", "9" * 5000])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["string", "a", "body"]), inner),
    max_leaves=6,
)

thorough = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def read_or_refuse(body: bytes) -> None:
    try:
        callback = read(body, now=NOW)
    except Invalid:
        return
    if isinstance(callback, Message):
        callback.text.encode()  # what is stored has to be text
        encode_text(callback.content)
        assert -(2**63) <= callback.sequence < 2**63
        assert "\0" not in callback.text + callback.peer + callback.sender


@thorough
@given(st.binary(max_size=300))
def test_any_bytes(body: bytes) -> None:
    read_or_refuse(body)


@thorough
@given(st.sampled_from(SAMPLES), st.data())
def test_a_sample_with_bytes_changed(body: bytes, data: st.DataObject) -> None:
    mutated = bytearray(body)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(mutated) - 1))
        mutated[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    read_or_refuse(bytes(mutated))


@thorough
@given(st.sampled_from(NAMES), VALUES, st.data())
def test_a_sample_with_a_field_replaced_or_gone(name: str, value: Any, data: st.DataObject) -> None:
    body = sample(name)
    inner = body.get("Data") or body
    target = data.draw(st.sampled_from([body, inner]))
    key = data.draw(st.sampled_from(sorted(target)))
    if data.draw(st.booleans()):
        target[key] = value
    else:
        del target[key]
    read_or_refuse(json.dumps(body).encode())


@thorough
@given(st.sampled_from([1, 3, 34, 37, 42, 43, 47, 48, 49, 10000, 10002]), st.text(max_size=200), st.booleans())
def test_any_content_of_any_kind(kind: int, content: str, in_xml: bool) -> None:
    body = sample("e01_private_text")
    body["Data"] |= {"MsgType": kind, "Content": f"<msg><appmsg>{content}</appmsg></msg>" if in_xml else content}
    read_or_refuse(json.dumps(body).encode())


@pytest.mark.parametrize(
    "body",
    [
        b"[]" * 40 + b'"' + b'\\"' * 120_000,
        b"[]," * 80_000,
        b'{"a":"' + b"[" * 250_000,
        b"{" + b'"":[],' * 40_000,
        b'{"a":' + b"9" * 250_000 + b"}",
    ],
)
def test_the_largest_body_costs_little_however_it_is_made(body: bytes) -> None:
    begun = time.process_time()
    with pytest.raises(Invalid):
        document(body)

    assert time.process_time() - begun < 0.5


@pytest.mark.parametrize(
    "content",
    [
        "@a\u2005" * 60_000,
        "<atuserlist>" * 20_000,
        "<msg>" + "&" * 60_000 + "</msg>",
        "$a" * 30_000,
        "<a>" * 20_000,
        "<!" * 30_000,
    ],
)
@pytest.mark.parametrize("kind", [1, 49, 10002])
def test_the_longest_content_costs_little_however_it_is_made(content: str, kind: int) -> None:
    body = sample("e02_group_text_mention")
    body["Data"] |= {"MsgType": kind, "Content": content, "MsgSource": content, "PushContent": content}
    begun = time.process_time()
    read_or_refuse(raw(body))

    assert time.process_time() - begun < 0.5
