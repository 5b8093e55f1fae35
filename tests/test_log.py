"""What is written to the log, and above all what is not."""

import json
import logging
import os
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from daemon.log import FOREIGN, LONGEST, OURS, WINDOW, Clean, Floods, configure, json_line, to_journal
from daemon.secret import Redactor, Secret
from daemon.settings_sections import Log
from tests.clock import FakeClock

Read = Callable[[], list[dict[str, Any]]]
CANARY = "canary-7f3a9c51e2"


pytestmark = pytest.mark.usefixtures("restored_logging")


def start(settings: Log | None = None, redactor: Redactor | None = None, clock: FakeClock | None = None) -> Read:
    stream = StringIO()
    configure(settings or Log(), redactor or Redactor(), Floods(clock or FakeClock()), stream=stream, environ={})
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_has_time_level_event_and_fields() -> None:
    read = start()
    structlog.get_logger().info("message.accepted", account="a1", new=True, jobs=2)
    assert read() == [
        {
            "time": "2026-01-02T03:04:05.000Z",
            "level": "info",
            "event": "message.accepted",
            "account": "a1",
            "new": True,
            "jobs": 2,
        }
    ]


def test_what_is_bound_to_the_context_is_in_every_line() -> None:
    read = start()
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        structlog.get_logger().info("a.b")
    structlog.get_logger().info("c.d")
    assert [line.get("request_id") for line in read()] == ["r1", None]


def test_lines_below_the_level_are_not_written() -> None:
    read = start(Log(level="warning"))
    log = structlog.get_logger()
    log.info("quiet")
    log.warning("loud")
    assert [line["event"] for line in read()] == ["loud"]


@pytest.mark.parametrize(
    "hostile",
    [
        "a\nb",
        "\x1b[31mred",
        '"}\n{"event":"forged"}',
        "\x00",
        "\u202egnp.exe",
        "\u2028",
        "\ud800",
        "\r\n<3>x",
        "你好",
        "\x7f\x9b",
    ],
)
def test_no_value_can_break_out_of_its_line(hostile: str) -> None:
    stream = StringIO()
    configure(Log(), Redactor(), Floods(FakeClock()), stream=stream, environ={})
    structlog.get_logger().info("event", value=hostile, nested={hostile: [hostile]})
    logging.getLogger("library").warning("%s", hostile)
    written = stream.getvalue()
    assert written.isascii()
    assert all(c.isprintable() or c == "\n" for c in written)
    first, second = map(json.loads, written.splitlines())
    assert first["value"] == hostile
    assert second["message"] == hostile


@given(st.dictionaries(st.text(), st.recursive(st.none() | st.floats() | st.text() | st.binary(), st.lists)))
def test_whatever_the_fields_a_line_is_one_line_of_json(fields: dict[str, Any]) -> None:
    line = json_line(None, "info", Clean(Redactor(), message_text=True)(None, "info", {"event": "e", **fields}))
    assert line.splitlines() == [line]
    json.loads(line, parse_constant=pytest.fail)


def test_a_person_at_a_terminal_sees_control_characters_and_cannot_be_fooled_by_them() -> None:
    stream = StringIO()
    configure(Log(format="console"), Redactor(), Floods(FakeClock()), stream=stream, environ={})
    structlog.get_logger().warning("send.failed", detail="x\n03:04:05 error forged\x1b[2J", name="你好")
    assert stream.getvalue() == "03:04:05 warning  send.failed detail=x\\n03:04:05 error forged\\x1b[2J name=你好\n"


def test_a_known_secret_is_in_no_line_whatever_way_it_takes() -> None:
    redactor = Redactor()
    redactor.add(Secret(CANARY))
    stream = StringIO()
    configure(Log(message_text=True), redactor, Floods(FakeClock()), stream=stream, environ={})
    log = structlog.get_logger()
    log.info(CANARY, a=CANARY, b=[{"x": CANARY}], c=Secret(CANARY), d=ValueError(CANARY), **{CANARY: 1})
    log.info("cut", a="x" * (LONGEST - 5) + CANARY, text=CANARY)
    logging.getLogger("aiohttp.server").error("bad %s", CANARY)
    try:
        raise ValueError(CANARY)
    except ValueError:
        log.exception("crashed")
        logging.getLogger("aiohttp.server").exception("crashed %s", CANARY)
    assert CANARY not in stream.getvalue()
    assert CANARY[:8] not in stream.getvalue()
    assert len(stream.getvalue().splitlines()) == 5


def test_texts_of_messages_are_left_out_unless_they_are_asked_for() -> None:
    read = start()
    structlog.get_logger().info(
        "e", text="hello", nested={"answer": "secret thoughts"}, content=None, question=("a", "b")
    )
    (line,) = read()
    assert (line["text"], line["nested"], line["content"], line["question"]) == (
        "<5 long>",
        {"answer": "<15 long>"},
        None,
        "<2 long>",
    )
    read = start(Log(message_text=True))
    structlog.get_logger().info("e", text="hello")
    assert [line["text"] for line in read()] == ["hello"]


def test_long_values_are_cut() -> None:
    read = start()
    structlog.get_logger().info("e", value="x" * 10_000, many=list(range(1000)), deep=[[[[[["x" * 9999]]]]]])
    (line,) = read()
    assert len(line["value"]) == LONGEST + 1
    assert len(line["many"]) == 50
    assert len(json.dumps(line["deep"])) < LONGEST + 30


def test_a_value_that_cannot_be_shown_does_not_fail_the_caller() -> None:
    class Sulking:
        def __str__(self) -> str:
            raise RuntimeError("no")

    read = start()
    structlog.get_logger().info("e", value=Sulking())
    assert [line["value"] for line in read()] == ["<Sulking>"]


def test_ten_thousand_bad_requests_make_few_lines_and_the_next_one_tells_how_many_are_missing() -> None:
    clock = FakeClock()
    read = start(clock=clock)
    library = logging.getLogger("aiohttp.server")
    for number in range(10_000):
        library.error("Error handling request %s", number)
    assert len(read()) == FOREIGN
    clock.advance(WINDOW)
    library.error("one more")
    assert read()[-1]["suppressed"] == 10_000 - FOREIGN


def test_a_flood_of_one_event_leaves_the_others_alone_and_is_owed_at_the_end() -> None:
    stream = StringIO()
    floods = Floods(FakeClock())
    configure(Log(), Redactor(), floods, stream=stream, environ={})
    log = structlog.get_logger()
    for _ in range(OURS + 7):
        log.info("flood")
    log.info("other")
    assert json.loads(stream.getvalue().splitlines()[-1])["event"] == "other"
    assert floods.owed() == {"flood": 7}
    assert floods.owed() == {}


def test_the_flood_counter_stays_small_whatever_the_events_are_called() -> None:
    floods = Floods(FakeClock())
    passed = 0
    for number in range(20_000):
        try:
            floods(None, "info", {"event": f"e{number}"})
            passed += 1
        except structlog.DropEvent:
            continue
    assert passed < 5000
    assert len(floods.owed()) == 1


def test_the_access_log_of_the_library_is_off_since_it_names_secret_paths() -> None:
    read = start(Log(level="debug"))
    logging.getLogger("aiohttp.access").info("GET /hook/secret")
    logging.getLogger("asyncio").debug("noise")
    assert read() == []


def test_a_stream_that_is_gone_does_not_stop_the_daemon() -> None:
    stream = StringIO()
    configure(Log(), Redactor(), Floods(FakeClock()), stream=stream, environ={})
    stream.close()
    structlog.get_logger().info("into.the.void")


def test_the_journal_gets_priorities_and_no_time(tmp_path: Path) -> None:
    with (tmp_path / "journal").open("w+") as stream:
        status = os.fstat(stream.fileno())
        environ = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        assert to_journal(environ, stream)
        configure(Log(), Redactor(), Floods(FakeClock()), stream=stream, environ=environ)
        structlog.get_logger().error("send.failed")
        structlog.get_logger().info("message.accepted")
        stream.seek(0)
        assert stream.read().splitlines() == [
            '<3>{"level":"error","event":"send.failed"}',
            '<6>{"level":"info","event":"message.accepted"}',
        ]


def test_a_stream_that_was_redirected_away_from_the_journal_is_no_journal(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as stream:
        assert not to_journal({"JOURNAL_STREAM": "1:2"}, stream)
    assert not to_journal({"JOURNAL_STREAM": "1:2"}, StringIO())


def test_another_configuration_takes_effect_on_loggers_that_exist() -> None:
    log = structlog.get_logger()
    start(Log(level="error"))
    log.info("unseen")
    read = start(Log(level="debug"))
    log.debug("seen")
    assert [line["event"] for line in read()] == ["seen"]
