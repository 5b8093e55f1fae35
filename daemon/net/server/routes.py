"""Routes declared beside their handlers: `@routes.post("/api/v1/keys", role=Role.ADMIN, summary="…")`.

A handler is `async def name(call: Call, …) -> Answer`. Its other parameters say what it reads:
a name that stands in the path is a path parameter; `body` is the body (an attrs class, or `bytes` for a raw one);
`paging: Paging` is `?limit=&cursor=`; keyword-only ones are query parameters, and the filters of a list.
The answer is an attrs class, a `Page[T]`, a `Reply[T]`, None (204), or an aiohttp response of its own making; or
either of the first and the last.
"""

from collections.abc import Awaitable, Callable, Mapping
from enum import Enum, auto
from typing import Any, Required, TypedDict, TypeVar, Unpack

from attrs import define, field, frozen

from daemon.domain.access import Role
from daemon.errors import Invalid, QiaodError
from daemon.net.server.problems import OURS, Manner
from daemon.net.server.signature import Signature, read_signature

H = TypeVar("H", bound=Callable[..., Awaitable[Any]])


class Open(Enum):
    """Who may call a route that no role guards."""

    PUBLIC = auto()  # anybody
    CALLBACK = auto()  # whoever knows its path, which is therefore never logged
    LOCAL = auto()  # anybody on the Unix socket; on TCP a viewer


Who = Role | tuple[Role, ...] | Open
Reword = Callable[[Invalid, bytes], Invalid]  # what is wrong with a body, and the body

BODY_MOST = 2**20  # API.md: 1 MiB unless said


@frozen(kw_only=True)
class Route:
    method: str
    path: str
    who: Who
    summary: str
    status: int
    effect: bool  # it creates or causes something: Idempotency-Key counts
    once: bool  # its answer holds a secret, so it is never stored and never given again
    body_most: int  # bytes
    produces: str | None  # the media type of an answer that is not JSON of ours
    also: tuple[int, ...]  # other statuses that its own answer may have
    statuses: Mapping[type[QiaodError], int]  # where this route's seed has another status for an error
    lenient: bool  # unknown query parameters are passed over: probes and neighbours add their own
    whole: bool  # it is about more than single accounts: nothing for a key that is limited to some
    express: bool  # called so often that it has a short way through the server, see `express`
    language: str | None  # its seed's: spoken to whoever names none; None: the house's
    reword: Reword | None  # where its seed has words of its own for a body that is wrong
    manner: Manner  # how its errors are told
    tag: str
    handler: Callable[..., Awaitable[Any]]
    signature: Signature

    @property
    def name(self) -> str:
        return f"{self.tag.lower().replace(' ', '_')}_{self.handler.__name__}"


class Said(TypedDict, total=False):
    """What a declaration may say; see Route."""

    role: Required[Who]
    summary: Required[str]
    status: int
    effect: bool
    once: bool
    body_most: int
    produces: str | None
    also: tuple[int, ...]
    statuses: Mapping[type[QiaodError], int]
    lenient: bool
    whole: bool
    express: bool
    language: str | None
    reword: Reword | None


@define
class Routes:
    """The routes of one module, told apart in the documents by their tag."""

    tag: str
    manner: Manner = OURS
    routes: list[Route] = field(factory=list, init=False)

    def get(self, path: str, **said: Unpack[Said]) -> Callable[[H], H]:
        return self.add("GET", path, **said)

    def post(self, path: str, **said: Unpack[Said]) -> Callable[[H], H]:
        return self.add("POST", path, **said)

    def put(self, path: str, **said: Unpack[Said]) -> Callable[[H], H]:
        return self.add("PUT", path, **said)

    def delete(self, path: str, **said: Unpack[Said]) -> Callable[[H], H]:
        return self.add("DELETE", path, **said)

    def add(self, method: str, path: str, **said: Unpack[Said]) -> Callable[[H], H]:
        def declare(handler: H) -> H:
            signature = read_signature(path, handler)
            route = Route(
                method=method,
                path=path,
                who=said.get("role"),  # where it is missing, `checked` tells the route
                summary=said["summary"],
                status=204 if signature.answer is None else said.get("status", 200),
                effect=said.get("effect", False),
                once=said.get("once", False),
                body_most=said.get("body_most", BODY_MOST),
                produces=said.get("produces"),
                also=said.get("also", ()),
                statuses=said.get("statuses", {}),
                lenient=said.get("lenient", isinstance(said.get("role"), Open)),
                whole=said.get("whole", False),
                express=said.get("express", False),
                language=said.get("language"),
                reword=said.get("reword"),
                manner=self.manner,
                tag=self.tag,
                handler=handler,
                signature=signature,
            )
            self.routes.append(checked(route))
            return handler

        return declare


def checked(route: Route) -> Route:
    """A route that promises what it cannot hold fails at import; and again, before anything is served."""
    roles = route.who if isinstance(route.who, tuple) else (route.who,)
    if not roles or not (isinstance(route.who, Open) or all(isinstance(role, Role) for role in roles)):
        raise TypeError(f"{route.method} {route.path} does not say who may call it")
    if route.method == "GET" and (route.effect or route.signature.body is not None):
        raise TypeError(f"GET {route.path} must change nothing")
    if not route.path.startswith(route.manner.prefix):
        raise TypeError(f"{route.path} tells its errors in the manner of {route.manner.prefix}")
    return route
