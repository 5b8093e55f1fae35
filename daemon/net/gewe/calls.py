"""How GeWe is called: every call is a POST of one JSON object, told apart by its path."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from attrs import define

from daemon.domain.account import Account, Product
from daemon.engine.targets import target_of
from daemon.errors import AccountOffline, Invalid, NotSupported
from daemon.net.gewe.answers import Answer
from daemon.net.gewe.sayings import NOTHING_SPECIAL, SERVICE, Sayings
from daemon.net.outbound import Outbound, Timeouts, retry_after
from daemon.secret import Redactor, Secret

PREFIXES = {Product.HOSTED: "/gewe/v2/api", Product.SELF_HOSTED: "/v2/api"}
ANY_PREFIX = "/v2/api"  # how each of them ends, those of relabelled products too
MEDIA_PORT = 2532  # where the self-hosted product serves what it downloaded

SENDING = Timeouts(total=timedelta(seconds=30))  # clients in use wait 15 to 60 s for a text
MEDIA = Timeouts(total=timedelta(seconds=120))  # GeWe fetches the medium itself, from wherever it is
ASKING = Timeouts(total=timedelta(seconds=10))
READING = Timeouts(total=timedelta(seconds=30))  # what it has to ask WeChat for

HOSTED_ONLY = frozenset(
    {
        "/contacts/checkRelation",
        "/contacts/fetchContactsListCache",
        "/message/downloadCdn",
        "/message/downloadEmojiMd5",
        "/message/downloadFile",
        "/message/downloadVideo",
        "/message/downloadVoice",
    }
)
HOSTED_MODULES = ("/sns/",)


@define
class Calls:
    """What all of GeWe's interface has in common: the address, the token, and what an answer means."""

    outbound: Outbound

    async def ask(
        self,
        account: Account,
        path: str,
        fields: Mapping[str, Any] | None = None,
        *,
        timeouts: Timeouts = READING,
        sayings: Sayings = NOTHING_SPECIAL,
    ) -> Any:
        """`data` of a call that may be made twice: raises RemoteUnavailable where no answer came."""
        body = {"appId": device(account), **(fields or {})}
        return await self.post(account, path, body, timeouts=timeouts, repeatable=True, sayings=sayings)

    async def act(
        self,
        account: Account,
        path: str,
        fields: Mapping[str, Any] | None = None,
        *,
        timeouts: Timeouts = SENDING,
        sayings: Sayings = NOTHING_SPECIAL,
    ) -> Any:
        """`data` of a call that changes something: raises OutcomeUnknown where it may have been done."""
        body = {"appId": device(account), **(fields or {})}
        return await self.post(account, path, body, timeouts=timeouts, repeatable=False, sayings=sayings)

    async def post(
        self,
        account: Account,
        path: str,
        body: Mapping[str, Any],
        *,
        timeouts: Timeouts,
        repeatable: bool,
        sayings: Sayings = NOTHING_SPECIAL,
        secrets: tuple[Secret, ...] = (),
    ) -> Any:
        """The call as it is, for the few that say another `appId` or none. `secrets` of `body` are masked in errors."""
        if lacks(account.product, path):
            raise NotSupported("gewe.not_supported", product=account.product.value, call=path)
        with self.outbound.metered(SERVICE):
            reply = await self.outbound.request(
                SERVICE,
                "POST",
                base_url(account) + path,
                json=body,
                headers={"X-GEWE-TOKEN": account.token.reveal()},
                timeouts=timeouts,
                repeatable=repeatable,
            )
            own = Redactor()
            own.add(account.token, *secrets)  # GeWe echoes them, also those that were only just entered
            return Answer(
                status=reply.status,
                body=reply.body,
                retry_after=retry_after(reply.headers),
                repeatable=repeatable,
                detail=lambda words: self.outbound.detail(own.clean(words)),
                sayings=sayings,
            ).data()


def lacks(product: Product, path: str) -> bool:
    """Whether `product` does not have the call at all."""
    return product is Product.SELF_HOSTED and (path in HOSTED_ONLY or path.startswith(HOSTED_MODULES))


def device(account: Account) -> str:
    """The account's appId. Without a device it cannot be logged in, so nothing can be done with it."""
    if not account.has_device:
        raise AccountOffline("gewe.no_device", service=SERVICE)
    return account.app_id


def base_url(account: Account) -> str:
    """The address with its product's prefix, which an operator may have written or not."""
    base = account.base_url.strip().rstrip("/")
    return base if base.endswith(ANY_PREFIX) else base + PREFIXES[account.product]


def media_url(account: Account, relative: str) -> str:
    """Where the self-hosted product serves `relative`: the same host, another port."""
    host = urlsplit(account.base_url.strip()).hostname or ""
    host = f"[{host}]" if ":" in host else host
    return f"http://{host}:{MEDIA_PORT}/download/{relative.lstrip('/')}"


def is_own(account: Account, url: str) -> bool:
    """Whether the URL leads to the gateway that the account is set up with, at a port that it is known to serve."""
    try:
        ours, named = target_of(account.base_url.strip()), target_of(url)
    except Invalid:
        return False
    return named.host == ours.host and named.port in (ours.port, MEDIA_PORT)
