"""Who lives in the simulated WeChat: persons and rooms, made when first mentioned."""

from attrs import define, field

MOST = 100_000  # of each, oldest forgotten first


@define(eq=False)
class Room:
    id: str
    name: str
    owner: str
    members: dict[str, None] = field(factory=dict)  # a dict for its order


@define(eq=False)
class People:
    names: dict[str, str] = field(factory=dict)
    rooms: dict[str, Room] = field(factory=dict)

    def name(self, wxid: str, given: str = "") -> str:
        """What others see; a new person is called after the end of the wxid."""
        if given or wxid not in self.names:
            self.names[wxid] = given or f"友{wxid[-4:]}"
            _bound(self.names)
        return self.names[wxid]

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
