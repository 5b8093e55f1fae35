"""Who wants to be an account's friend: accepted by its rule or by a person, each at most once, and then greeted."""

from collections.abc import Collection
from datetime import datetime, timedelta
from functools import partial

import structlog
from attrs import define, frozen

from daemon.codec import decode, encode
from daemon.domain.access import SYSTEM, Actor
from daemon.domain.account import AcceptFriends, Account, FriendPolicy
from daemon.domain.act import ActKind, ActState
from daemon.domain.content import FriendRequest
from daemon.domain.job import Job, NewJob
from daemon.domain.message import AccountId, Wxid
from daemon.domain.outgoing import Text
from daemon.domain.send import NewSend, SendOrigin
from daemon.engine.accounts import Accounts
from daemon.engine.acts import Acts, until_renewed
from daemon.engine.jobs import Done, Result, Snooze
from daemon.engine.outbox import enqueue
from daemon.engine.ports import Contacts
from daemon.errors import (
    AccountOffline,
    Conflict,
    NotFound,
    OutcomeUnknown,
    QuotaExceeded,
    RemoteError,
    RemoteNonsense,
    RemoteRefused,
    RemoteUnauthorized,
)
from daemon.store import audit, contacts, conversations, do_not_contact, due, friend_requests, jobs
from daemon.store.contacts import ContactKind
from daemon.store.database import Database
from daemon.store.friend_requests import Asked, RequestState
from daemon.store.tx import Tx

log = structlog.get_logger()

FRIEND_LANE = "friend"
ACCEPTABLE = frozenset({RequestState.WAITING, RequestState.FAILED})
GREETING_WAITS = timedelta(seconds=60)  # for WeChat to say that the new friend is there: before, a message fails
CLOSED_PAUSE = timedelta(minutes=5)  # while the token is refused
OFFLINE_PAUSE = timedelta(seconds=60)
GREETING_LIVES = timedelta(hours=12)  # a later greeting would be an odd one
LONGEST_REMARK = 100  # characters
AFTERWARDS = {  # what becomes of a request when accepting it ended so
    ActState.DONE: RequestState.ACCEPTED,
    ActState.REFUSED: RequestState.FAILED,
    ActState.UNKNOWN: RequestState.UNKNOWN,
    ActState.FAILED: RequestState.WAITING,  # surely nothing was done
}


@frozen(kw_only=True)
class Args:
    friend_request_id: str
    greets: bool = False  # it is a friend by now: only the greeting is left to do


def wanted(policy: FriendPolicy, request: FriendRequest) -> bool:
    """Whether the account's rule accepts it."""
    match policy.accept:
        case AcceptFriends.EVERYBODY:
            return True
        case AcceptFriends.KEYWORDS:
            words = request.greeting.casefold()
            return any(keyword.casefold() in words for keyword in policy.keywords if keyword)
        case _:
            return False


def asked(tx: Tx, account: Account, request: FriendRequest, *, fresh: bool, request_id: str | None) -> None:
    """A request came in. One from long ago waits for a person, whatever the rule says."""
    by_rule = fresh and wanted(account.policy.friends, request)
    identifier = friend_requests.add(tx, account.id, request, by_rule=by_rule, request_id=request_id)
    if by_rule:
        args = encode(Args(friend_request_id=identifier))
        jobs.add(tx, NewJob(lane=FRIEND_LANE, key=account.id, args=args, unique_key=identifier, request_id=request_id))


@define
class Friends:
    """What people do with requests, and the handler of the lane `friend`, which does what the rule says."""

    db: Database
    accounts: Accounts
    acts: Acts
    port: Contacts

    async def __call__(self, job: Job) -> Result:
        args = decode(job.args, Args)
        request = await self.db.read(friend_requests.get, args.friend_request_id)
        if request is None:
            return Done()
        try:
            account = self.accounts.get(request.account_id)
        except NotFound:
            return Done()
        if args.greets:
            return Done(partial(_greet, account=account, request=request))
        try:
            return await self._serve(account, request)
        except QuotaExceeded as error:
            return Snooze(until_renewed(error, self.db.clock.now()), reason=error.code)
        except RemoteUnauthorized as error:
            return Snooze(CLOSED_PAUSE, reason=error.code)
        except AccountOffline as error:
            return Snooze(OFFLINE_PAUSE, reason=error.code)

    async def _serve(self, account: Account, request: Asked) -> Result:
        """What the rule wants of it and was not done yet."""
        if request.state is RequestState.WAITING:
            wait = await self.acts.wait(account, ActKind.FRIEND_ACCEPT, per_day=account.policy.friends.per_day)
            if wait:
                return Snooze(wait, reason="act.budget_spent")
            try:
                await self._accept(account, request, by=SYSTEM)
            except RemoteUnauthorized:
                raise
            except (RemoteRefused, OutcomeUnknown, RemoteNonsense) as error:
                log.warning("friend.not_accepted", friend_request=request.id, code=error.code)
                return Done()
            except Conflict:  # a person was quicker, or the account was suspended
                return Done()
            request = await self.db.read(_known, request.id)
        return await self._remark(account, request)

    async def accept(self, request_id: str, *, by: Actor) -> Asked:
        request = await self.get(request_id)
        await self._accept(self.accounts.get(request.account_id), request, by=by)
        return await self._after(request_id)

    async def reject(self, request_id: str, *, by: Actor) -> Asked:
        """Only here: WeChat shows them nothing, and the request stays on the phone."""
        return await self.db.write(_reject, request_id, by=by)

    async def get(self, request_id: str) -> Asked:
        return await self.db.read(_known, request_id)

    async def page(
        self,
        *,
        account_id: str | None,
        state: RequestState | None,
        account_ids: Collection[str] | None,
        before: str | None,
        limit: int,
    ) -> tuple[list[Asked], int]:
        return await self.db.read(
            friend_requests.page,
            account_id=account_id,
            state=state,
            account_ids=account_ids,
            before=before,
            limit=limit,
        )

    async def _accept(self, account: Account, request: Asked, *, by: Actor) -> None:
        call = partial(
            self.port.accept,
            account,
            user_ticket=request.user_ticket,
            ticket=request.ticket,
            scene=request.scene,
        )
        await self.acts.do(
            account,
            ActKind.FRIEND_ACCEPT,
            request.wxid,
            by=by,
            call=call,
            began=partial(_begin, request_id=request.id, by=by),
            ended=partial(_end, account, request, by),
            per_day=account.policy.friends.per_day if by is SYSTEM else None,
        )

    async def _after(self, request_id: str) -> Asked:
        """Accepted by a person: the rest is left to the lane, where it may take its time."""
        return await self.db.write(_queue_rest, request_id)

    async def _remark(self, account: Account, request: Asked) -> Result:
        """Giving the new friend a name does no harm twice; but one that is refused is given up."""
        if request.state is not RequestState.ACCEPTED or request.remark is None:
            return Done()
        call = partial(self.port.remark, account, Wxid(request.wxid), request.remark)
        try:
            await self.acts.do(account, ActKind.FRIEND_REMARK, request.wxid, by=SYSTEM, call=call)
        except (RemoteUnauthorized, AccountOffline):
            raise
        except (RemoteError, Conflict) as error:
            log.warning("friend.not_remarked", friend_request=request.id, code=error.code)
        return Done(partial(friend_requests.set_remark, identifier=request.id, remark=None))


def _known(tx: Tx, request_id: str) -> Asked:
    request = friend_requests.get(tx, request_id)
    if request is None:
        raise NotFound("friend_request.not_found", id=request_id)
    return request


def _begin(tx: Tx, *, request_id: str, by: Actor) -> None:
    """In the act's own transaction: of two who accept it at once, one does."""
    if not friend_requests.move(tx, request_id, RequestState.ACCEPTING, of=ACCEPTABLE, by=by.id):
        raise Conflict("friend_request.decided", state=_known(tx, request_id).state)


def _end(account: Account, request: Asked, by: Actor, tx: Tx, state: ActState, _: None) -> None:
    after = AFTERWARDS[state]
    error = None if state is ActState.DONE else f"act.{state}"
    friend_requests.move(tx, request.id, after, of={RequestState.ACCEPTING}, by=by.id, error=error)
    if state is not ActState.DONE:
        return
    known = contacts.was_named(tx, account.id, Wxid(request.wxid), since=request.received_at)
    contacts.add(tx, account.id, Wxid(request.wxid), ContactKind.FRIEND)
    policy = account.policy.friends
    if policy.remark:
        friend_requests.set_remark(tx, request.id, remark_of(policy.remark, request, date=f"{tx.now:%Y-%m-%d}"))
    if policy.greeting:
        _plan_greeting(tx, request, at=tx.now if known else tx.now + GREETING_WAITS)


def remark_of(template: str, request: Asked, *, date: str) -> str:
    filled = template.replace("{nickname}", request.nickname).replace("{date}", date)
    return filled[:LONGEST_REMARK]


def _plan_greeting(tx: Tx, request: Asked, *, at: datetime) -> None:
    """A line of its own, so that nobody's request waits behind it."""
    args = encode(Args(friend_request_id=request.id, greets=True))
    line = _greeting_line(request.id)
    jobs.add(tx, NewJob(lane=FRIEND_LANE, key=line, args=args, unique_key=line, due_at=at))


def _greeting_line(request_id: str) -> str:
    return f"greeting/{request_id}"


def there(tx: Tx, account_id: AccountId, user_ticket: str) -> None:
    """WeChat says that who asked with this ticket is a friend now: what waited for that is done."""
    for request_id in friend_requests.accepted_with(tx, account_id, user_ticket):
        due.hasten(tx, lane=FRIEND_LANE, key=_greeting_line(request_id))


def _greet(tx: Tx, *, account: Account, request: Asked) -> None:
    """In the transaction that ends its job: once. Who asked to be left alone meanwhile is."""
    greeting, wxid = account.policy.friends.greeting, Wxid(request.wxid)
    if not greeting or do_not_contact.holds(tx, account.id, wxid):
        return
    enqueue(
        tx,
        NewSend(
            account_id=account.id,
            conversation_id=conversations.touch(tx, account.id, wxid).id,
            to=wxid,
            parcel=Text(text=greeting),
            origin=SendOrigin.API,
            batch=tx.new_id(),
            expires_at=tx.now + GREETING_LIVES,
            request_id=request.request_id,
            by=SYSTEM.id,
        ),
    )


def _queue_rest(tx: Tx, request_id: str) -> Asked:
    request = _known(tx, request_id)
    if request.remark is not None:
        args = encode(Args(friend_request_id=request.id))
        jobs.add(tx, NewJob(lane=FRIEND_LANE, key=request.account_id, args=args, unique_key=request.id))
    return request


def _reject(tx: Tx, request_id: str, *, by: Actor) -> Asked:
    if not friend_requests.move(tx, request_id, RequestState.REJECTED, of=ACCEPTABLE, by=by.id):
        raise Conflict("friend_request.decided", state=_known(tx, request_id).state)
    audit.record(tx, by, "friend_request.reject", f"friend_request:{request_id}")
    return _known(tx, request_id)
