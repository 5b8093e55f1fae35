"""Secrets are seen only where they are meant to be."""

from daemon.codec import encode, unstructure
from daemon.secret import Redactor, Secret

TOKEN = "0123456789abcdef0123456789abcdef"


def test_a_secret_shows_itself_to_nobody_who_does_not_ask() -> None:
    secret = Secret(TOKEN)
    assert TOKEN not in f"{secret} {secret!r} {[secret]} {encode({'token': secret}).decode()}"
    assert secret.reveal() == TOKEN


def test_of_a_long_secret_the_last_four_characters_are_told_and_of_a_short_one_nothing() -> None:
    assert unstructure(Secret(TOKEN)) == "…cdef"
    assert unstructure(Secret("short")) == "***"


def test_secrets_are_told_apart_by_value() -> None:
    assert Secret("one") == Secret("one")
    assert Secret("one") != Secret("two")
    assert len({Secret("one"), Secret("one")}) == 1


def test_every_known_secret_is_masked_in_a_text_the_longer_one_first() -> None:
    redactor = Redactor()
    redactor.add(Secret(TOKEN), Secret(TOKEN + "-longer"))
    text = f"HTTP HEADER: X-GEWE-TOKEN={TOKEN}-longer 不可用, not {TOKEN}"
    assert redactor.clean(text) == "HTTP HEADER: X-GEWE-TOKEN=*** 不可用, not ***"


def test_a_value_too_short_to_be_a_secret_does_not_mangle_texts() -> None:
    redactor = Redactor()
    redactor.add(Secret("the"))
    assert redactor.clean("the weather") == "the weather"
