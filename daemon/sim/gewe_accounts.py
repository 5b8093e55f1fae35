"""The devices behind a simulated GeWe: one state an appId, from no login at all to offline (contract 2.2, 15.3)."""

import random
import string
from collections.abc import Iterable, Iterator
from enum import StrEnum

from attrs import define, field

from daemon.clock import Clock
from daemon.errors import Invalid, Problem

QR_LIFE_S = 150.0  # contract 2.2
MOST_DEVICES = 10_000
_SAFE = string.ascii_letters + string.digits + "-_"


class State(StrEnum):
    NONE = "none"
    QR = "qr"
    SCANNED = "scanned"
    CANCELLED = "cancelled"
    ONLINE = "online"
    OFFLINE = "offline"


@define(eq=False, kw_only=True)
class Device:
    """The knobs are for whoever drives the simulation; the rest is what GeWe knows."""

    app_id: str
    token: str
    wxid: str
    nick_name: str
    state: State = State.NONE
    uuid: str = ""
    qr_at: float = 0.0
    contacts_at: float | None = None  # when the list was last fetched
    reconnectable: bool = True
    false_online: bool = False  # checkOnline says true, sends say offline
    silent: bool = False  # sends are accepted and reach nobody
    needs_code: bool = False  # the login wants a captchCode

    @property
    def online(self) -> bool:
        """What checkOnline says."""
        return self.state is State.ONLINE

    @property
    def alive(self) -> bool:
        """Whether WeChat itself still has the session."""
        return self.online and not self.false_online


@define(eq=False)
class Accounts:
    clock: Clock
    random: random.Random
    auto_login: bool = False  # each checkLogin brings the login one step further, as if somebody scanned at once
    _devices: dict[str, Device] = field(factory=dict, init=False)

    def __iter__(self) -> Iterator[Device]:
        return iter(tuple(self._devices.values()))

    def add(self, app_id: str, wxid: str, *, token: str, nick_name: str = "", state: State = State.ONLINE) -> Device:
        device = Device(app_id=app_id, token=token, wxid=wxid, nick_name=nick_name or f"号{wxid[-4:]}", state=state)
        self._devices[app_id] = device
        return device

    def find(self, token: str, app_id: object) -> Device | None:
        """A token sees its own devices only."""
        device = self._devices.get(str(app_id))
        return device if device is not None and device.token == token else None

    def get(self, app_id: str) -> Device:
        device = self._devices.get(app_id)
        if device is None:
            raise Invalid(problems=[Problem("app_id", f"no account {app_id} is simulated")])
        return device

    def of(self, token: str) -> list[Device]:
        return [device for device in self._devices.values() if device.token == token]

    def create(self, token: str) -> Device:
        """A device nobody has logged in on yet."""
        if len(self._devices) >= MOST_DEVICES:
            del self._devices[next(iter(self._devices))]
        app_id = f"wx_{self._letters(22)}"
        return self.add(app_id, f"wxid_{self._letters(14).lower()}", token=token, state=State.NONE)

    def show_qr(self, device: Device) -> None:
        device.state, device.uuid, device.qr_at = State.QR, self._letters(20), self.clock.monotonic()

    def show_dialog(self, device: Device) -> None:
        """On the telephone, which has then nothing to scan."""
        self.show_qr(device)
        device.state = State.SCANNED

    def expired(self, device: Device) -> bool:
        return self.clock.monotonic() - device.qr_at > QR_LIFE_S

    def advance(self, device: Device) -> None:
        """One step nearer to online."""
        steps = {State.QR: State.SCANNED, State.SCANNED: State.ONLINE}
        device.state = steps.get(device.state, device.state)
        device.false_online = False

    def scan(self, app_id: str) -> None:
        self._step(app_id, (State.QR,), State.SCANNED)

    def confirm(self, app_id: str, *, wxid: str = "", nick_name: str = "") -> None:
        device = self._step(app_id, (State.QR, State.SCANNED), State.ONLINE)
        device.wxid, device.nick_name = wxid or device.wxid, nick_name or device.nick_name
        device.false_online, device.reconnectable = False, True

    def cancel(self, app_id: str) -> None:
        self._step(app_id, (State.QR, State.SCANNED), State.CANCELLED)

    def _step(self, app_id: str, of: Iterable[State], to: State) -> Device:
        device = self.get(app_id)
        if device.state not in of:
            raise Invalid(problems=[Problem("app_id", f"{app_id} is {device.state}, so it cannot become {to}")])
        device.state = to
        return device

    def _letters(self, number: int) -> str:
        return "".join(self.random.choices(_SAFE, k=number))
