"""What the end of a call to an AI service tells the breaker that let it pass."""

from collections.abc import Iterator
from contextlib import contextmanager

from daemon.errors import RemoteError, RemoteLimited, RemoteRefused, RemoteUnauthorized
from daemon.limits.breaker import Breaker, Why


@contextmanager
def told(breaker: Breaker) -> Iterator[None]:
    """The call is made within. Whatever is no word of the service's, a cancellation for one, says nothing of it."""
    try:
        yield
    except RemoteUnauthorized:
        breaker.hold(Why.CREDENTIAL_REJECTED)
        raise
    except (RemoteRefused, RemoteLimited):
        breaker.succeeded()  # it is there, and speaks
        raise
    except RemoteError as error:
        (breaker.failed if error.is_fault else breaker.succeeded)()
        raise
    except BaseException:
        breaker.abandoned()
        raise
    breaker.succeeded()
