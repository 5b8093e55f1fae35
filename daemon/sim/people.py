"""Who lives in the simulated WeChat: persons and rooms, made when first mentioned."""

from attrs import define, field

MOST = 100_000  # of each, oldest forgotten first


@define(eq=False)
class Room:
    id: str
    name: str
    owner: str
    members: dict[str, None] = field(factory=dict)  # a dict for its order
    admins: dict[str, None] = field(factory=dict)
    called: dict[str, str] = field(factory=dict)  # what members call themselves here
    inviters: dict[str, str] = field(factory=dict)
    announcement: tuple[str, str, int] | None = None  # text, editor, seconds

    def leave(self, wxid: str) -> None:
        """The next member becomes the owner of a room whose owner goes."""
        self.members.pop(wxid, None)
        self.admins.pop(wxid, None)
        if self.owner == wxid:
            self.owner = next(iter(self.members), "")

    def ruled_by(self, wxid: str) -> bool:
        return wxid == self.owner or wxid in self.admins


@define(eq=False)
class People:
    """Whoever is named is everybody's friend, but for `strangers`: those must be befriended first."""

    names: dict[str, str] = field(factory=dict)
    rooms: dict[str, Room] = field(factory=dict)
    strangers: dict[str, None] = field(factory=dict)
    findable: dict[str, str] = field(factory=dict)  # a phone number or WeChat number, to the wxid

    def name(self, wxid: str, given: str = "") -> str:
        """What others see; a new person is called after the end of the wxid."""
        if given or wxid not in self.names:
            self.names[wxid] = given or f"友{wxid[-4:]}"
            _bound(self.names)
        return self.names[wxid]

    def stranger(self, wxid: str, given: str = "") -> str:
        """The name of somebody who is nobody's friend unless known already."""
        if wxid not in self.names:
            self.strangers[wxid] = None
        return self.name(wxid, given)

    def room(self, room_id: str, *members: str, name: str = "") -> Room:
        room = self.rooms.get(room_id)
        if room is None:
            room = self.rooms[room_id] = Room(room_id, f"群{room_id[:4]}", members[0] if members else "")
            _bound(self.rooms)
        room.name = name or room.name
        room.members.update(dict.fromkeys(members))
        return room


def _bound(known: dict[str, str] | dict[str, Room]) -> None:
    if len(known) > MOST:
        del known[next(iter(known))]
