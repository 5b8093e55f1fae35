"""An account as the tests of calling GeWe use it."""

from datetime import UTC, datetime

from daemon.domain.account import Account, AccountState, Product, ReplyPolicy
from daemon.domain.message import AccountId, AppId, Wxid
from daemon.secret import Secret
from tests.net.gewe.samples import APP, BOT

TOKEN = "5f0c91aa-77e2-4d88-b1e0-c3a19f31d08e"


def account(base_url: str, product: Product = Product.HOSTED, token: str = TOKEN) -> Account:
    at = datetime(2026, 8, 1, tzinfo=UTC)
    return Account(
        id=AccountId("018f0000-0000-7000-8000-000000000001"),
        app_id=AppId(APP),
        wxid=Wxid(BOT),
        name="Bridge",
        product=product,
        base_url=base_url,
        token=Secret(token),
        state=AccountState.ONLINE,
        state_reason=None,
        workflow_id=None,
        policy=ReplyPolicy(),
        created_at=at,
        updated_at=at,
        version=1,
    )
