"""Callbacks that are not what they should be: real samples, broken in sixteen ways."""

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from daemon.codec import encode, parse

SAMPLES = sorted((Path(__file__).parents[1] / "data/gewe").glob("*.json"))
VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, 2**53, -(2**63), "", "\x00", "\u202e\n\x1b[31m", "x" * 5000, [], {}, [[]], {"string": None}
)  # fmt: skip
BIG = b"18446744073709551616", b"1" + b"0" * 400, b"1e400", b"-0", b"NaN", b"Infinity"
XML = (
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;">]><msg>&c;</msg>',
    '<!DOCTYPE a SYSTEM "file:///etc/passwd"><msg/>',
    "<a>" * 5000,
    "<msg><appmsg>" + "<title>x</title>" * 300,
    "<msg \x00/>",
    "<sysmsg type='revokemsg'><revokemsg><newmsgid>-1</newmsgid></revokemsg></sysmsg>",
)

Mutation = Callable[[Random, bytes], bytes]


def _cut(chance: Random, body: bytes) -> bytes:
    return body[: chance.randrange(len(body))]


def _flip(chance: Random, body: bytes) -> bytes:
    broken = bytearray(body)
    for _ in range(chance.randint(1, 8)):
        broken[chance.randrange(len(broken))] = chance.randrange(256)
    return bytes(broken)


def _insert(chance: Random, body: bytes) -> bytes:
    at = chance.randrange(len(body))
    return body[:at] + chance.randbytes(chance.randint(1, 40)) + body[at:]


def _noise(chance: Random, _: bytes) -> bytes:
    return chance.randbytes(chance.randint(0, 400))


def _doubled(_: Random, body: bytes) -> bytes:
    return body + body


def _packed(_: Random, body: bytes) -> bytes:
    return gzip.compress(body)


def _other_letters(chance: Random, body: bytes) -> bytes:
    return body.decode().encode(chance.choice(["utf-16", "utf-32", "gb18030", "utf-8-sig"]))


def _deep(chance: Random, _: bytes) -> bytes:
    depth = chance.choice([33, 500, 20_000])
    opening, closing = chance.choice([(b"[", b"]"), (b'{"a":', b"}")])
    return opening * depth + b"1" + closing * (depth if chance.random() < 0.5 else 0)


def _surrogates(chance: Random, body: bytes) -> bytes:
    return _somewhere(chance, body, b'"\\ud800' + chance.choice([b"", b"\\ud800", b"x"]) + b'"')


def _huge_numbers(chance: Random, body: bytes) -> bytes:
    return _somewhere(chance, body, chance.choice(BIG))


def _twice_the_key(chance: Random, body: bytes) -> bytes:
    return b'{"Appid":' + chance.choice([b"1", b'"other"', b"null"]) + b"," + body.lstrip()[1:]


def _many_keys(chance: Random, body: bytes) -> bytes:
    extra = b",".join(b'"k%d":%d' % (n, n) for n in range(chance.choice([10, 5000])))
    return b"{" + extra + b"," + body.lstrip()[1:]


def _other_value(chance: Random, body: bytes) -> bytes:
    """Any one value is of another kind."""
    document = parse(body)
    holder, key = chance.choice(list(_places(document)))
    holder[key] = chance.choice(VALUES)
    return encode(document)


def _lost_key(chance: Random, body: bytes) -> bytes:
    document = parse(body)
    for _ in range(chance.randint(1, 4)):
        holder, key = chance.choice(list(_places(document)) or [(document, None)])
        if key is not None:
            del holder[key]
    return encode(document)


def _not_an_object(chance: Random, _: bytes) -> bytes:
    return chance.choice(
        [b"", b" ", b"null", b"[]", b'""', b"0", b"{}", b"{", b"\xef\xbb\xbf", b'{"a":1}\x00', b"[{}]"]
    )


def _evil_xml(chance: Random, body: bytes) -> bytes:
    document = parse(body)
    data = document.get("Data") or document.get("data")
    if isinstance(data, dict):
        data["MsgType"] = chance.choice([1, 3, 34, 43, 47, 48, 49, 10000, 10002, 37, 42])
        data["Content"] = {"string": chance.choice(XML)}
        data["MsgSource"] = chance.choice(XML)
    return encode(document)


MUTATIONS: tuple[Mutation, ...] = (
    _cut, _flip, _insert, _noise, _doubled, _packed, _other_letters, _deep, _surrogates, _huge_numbers,
    _twice_the_key, _many_keys, _other_value, _lost_key, _not_an_object, _evil_xml,
)  # fmt: skip


def malformed(chance: Random, number: int) -> Iterator[bytes]:
    """So many, each way as often as the others, of samples that would be taken as they are."""
    samples = [path.read_bytes() for path in SAMPLES]
    for index in range(number):
        yield MUTATIONS[index % len(MUTATIONS)](chance, chance.choice(samples))


def _somewhere(chance: Random, body: bytes, raw: bytes) -> bytes:
    """In place of any one value."""
    document = parse(body)
    holder, key = chance.choice(list(_places(document)))
    holder[key] = "@here@"
    return encode(document).replace(b'"@here@"', raw, 1)


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    keys = document.keys() if isinstance(document, dict) else range(len(document)) if isinstance(document, list) else ()
    for key in list(keys):
        yield document, key
        yield from _places(document[key])
