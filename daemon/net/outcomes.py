"""One outgoing call, and what its failures mean: told apart by whether the other service may have acted."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
from attrs import define

from daemon.engine.targets import Target
from daemon.errors import OutcomeUnknown, RemoteError, RemoteNonsense, RemoteRefused, RemoteUnavailable

MOST_DETAIL = 200  # characters of another service's words that are kept


@define
class Call:
    """One request under way, as the connector reports on it."""

    service: str
    repeatable: bool
    target: Target | None = None  # where it may go no further than this
    connected: bool = False  # from here on bytes may have left
    barred: str | None = None  # the code of why an address was not connected to

    def failed(self, code: str, detail: str) -> RemoteError:
        if not self.connected or self.repeatable:
            return RemoteUnavailable(code, service=self.service, detail=detail)
        return OutcomeUnknown(code, service=self.service, detail=detail)

    def refused(self, code: str) -> RemoteRefused:
        """It may not be made: the settings, or the rules, do not let it."""
        entry = "" if self.target is None else self.target.entry
        return RemoteRefused(code, service=self.service, entry=entry)


@contextmanager
def translated(call: Call) -> Iterator[None]:
    """aiohttp's failures become ours, here and nowhere else. Their texts may hold the URL: only their kind is told."""
    try:
        yield
    except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
        raise RemoteRefused("remote.bad_address", service=call.service) from None
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        if call.barred is not None and not call.connected:
            raise call.refused(call.barred) from None
        raise call.failed(_code(call, error), _reason(error)) from None


def too_large(call: Call, most_bytes: int) -> RemoteError:
    if call.repeatable:
        return RemoteNonsense("remote.too_large", service=call.service, most_bytes=most_bytes)
    return OutcomeUnknown("remote.too_large", service=call.service, most_bytes=most_bytes)


def _code(call: Call, error: Exception) -> str:
    match error:
        case _ if not call.connected:
            return "remote.no_connection"
        case TimeoutError():
            return "remote.timeout"
        case aiohttp.ClientPayloadError() | aiohttp.ClientResponseError() | ValueError():
            return "remote.broken_answer"
        case _:
            return "remote.cut"


def _reason(error: Exception) -> str:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return str(error.certificate_error)[:MOST_DETAIL]
        case aiohttp.ClientConnectorError(os_error=OSError(errno=int(number))):  # its own text may name the address
            return os.strerror(number)
        case aiohttp.ClientConnectorError():
            return str(error.os_error)[:MOST_DETAIL]
        case _:
            return type(error).__name__
