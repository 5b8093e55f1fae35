"""GeWe as it is called, whole: one class a port of the engine's."""

from attrs import frozen

from daemon.engine.ports import Contacts, Devices, MediaSource, Messenger, Moments, Rooms
from daemon.net.gewe.calls import Calls
from daemon.net.gewe.contacts import GeweContacts
from daemon.net.gewe.devices import GeweDevices
from daemon.net.gewe.media import GeweMedia
from daemon.net.gewe.messages import GeweMessenger
from daemon.net.gewe.moments import GeweMoments
from daemon.net.gewe.rooms import GeweRooms
from daemon.net.outbound import Outbound


@frozen(kw_only=True)
class Gewe:
    messenger: Messenger
    devices: Devices
    contacts: Contacts
    rooms: Rooms
    moments: Moments
    media: MediaSource

    @classmethod
    def over(cls, outbound: Outbound) -> "Gewe":
        calls = Calls(outbound)
        return cls(
            messenger=GeweMessenger(calls),
            devices=GeweDevices(calls),
            contacts=GeweContacts(calls),
            rooms=GeweRooms(calls),
            moments=GeweMoments(calls),
            media=GeweMedia(calls),
        )
