"""What one account of the simulated WeChat has of its own: its friends, their labels, its view of rooms."""

import random
from collections import OrderedDict

from attrs import define, field, frozen

from daemon.sim.people import People

MOST = 10_000  # requests of an account, oldest forgotten first


@frozen(kw_only=True)
class Request:
    """Of somebody who wants to be a friend, or of the account itself (`ours`)."""

    wxid: str
    v3: str
    v4: str
    scene: int
    words: str
    ours: bool


@define(eq=False)
class Circle:
    """`relations` as checkRelation says them: 0 is a friend, 1 has deleted this account."""

    befriended: set[str] = field(factory=set)
    dropped: set[str] = field(factory=set)
    relations: dict[str, int] = field(factory=dict)
    remarks: dict[str, str] = field(factory=dict)  # of persons and of rooms
    only_chat: set[str] = field(factory=set)
    labels: dict[int, str] = field(factory=dict)
    labelled: dict[str, str] = field(factory=dict)  # wxid to the label ids, comma-joined
    requests: OrderedDict[str, Request] = field(factory=OrderedDict)  # by v3; also what search and cards gave
    asked: dict[str, Request] = field(factory=dict)  # by wxid: whom this account wants as a friend
    left: set[str] = field(factory=set)  # rooms
    unsaved: set[str] = field(factory=set)  # rooms that the phone's contact list does not have
    pinned: set[str] = field(factory=set)
    silenced: set[str] = field(factory=set)
    invitations: dict[str, str] = field(factory=dict)  # URL to room id

    def is_friend(self, people: People, wxid: str) -> bool:
        if wxid in self.dropped:
            return False
        return wxid in self.befriended or (wxid in people.names and wxid not in people.strangers)

    def befriend(self, wxid: str) -> None:
        self.befriended.add(wxid)
        self.dropped.discard(wxid)
        self.relations.pop(wxid, None)

    def drop(self, wxid: str) -> None:
        self.befriended.discard(wxid)
        self.dropped.add(wxid)

    def remember(self, request: Request) -> None:
        self.requests[request.v3] = request
        if len(self.requests) > MOST:
            self.requests.popitem(last=False)


@define(eq=False)
class Circles:
    random: random.Random
    people: People
    _of: dict[str, Circle] = field(factory=dict, init=False)

    def of(self, app_id: str) -> Circle:
        return self._of.setdefault(app_id, Circle())

    def request(self, wxid: str, *, scene: int, words: str, ours: bool) -> Request:
        v3, v4 = f"v3_{self.random.getrandbits(128):032x}@stranger", f"v4_{self.random.getrandbits(128):032x}"
        return Request(wxid=wxid, v3=v3, v4=v4, scene=scene, words=words, ours=ours)
