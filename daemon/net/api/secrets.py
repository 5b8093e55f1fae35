"""The secrets at rest: which master key seals them, and giving it a successor."""

from typing import Annotated

from attrs import frozen

from daemon.domain.access import Role
from daemon.engine.secrets import Phase, Status
from daemon.net.api.services import SECRETS
from daemon.net.server.call import Call
from daemon.net.server.constraints import Note
from daemon.net.server.routes import Routes

routes = Routes("Secrets")


@frozen(kw_only=True)
class SecretsView:
    phase: Annotated[Phase, Note("sealing while values are sealed anew, else idle.")]
    key_id: Annotated[str, Note("Names the master key that seals now; tells nothing about it.")]
    source: Annotated[str, Note("Where the master key comes from: file, credential, or environment.")]
    replaceable: Annotated[bool, Note("Whether a rotation makes the new key by itself.")]
    values: int
    left: Annotated[int, Note("Values that still want an older key.")]
    lost: Annotated[int, Note("Values that want a key which was not given: they cannot be read.")]
    old_keys: Annotated[list[str], Note("Older keys that were given. Backups made before the rotation want them.")]


@routes.get("/api/v1/secrets", role=Role.ADMIN, summary="How the secrets at rest are sealed", whole=True)
async def show(call: Call) -> SecretsView:
    return _view(await call.service(SECRETS).status())


@routes.post(
    "/api/v1/secrets/rotate",
    role=Role.ADMIN,
    summary="Replace the master key; sealing anew goes on in the background",
    whole=True,
    status=202,
    effect=True,
)
async def rotate(call: Call) -> SecretsView:
    return _view(await call.service(SECRETS).rotate(by=call.actor))


def _view(status: Status) -> SecretsView:
    return SecretsView(
        phase=status.phase,
        key_id=status.key_id,
        source=status.source,
        replaceable=status.replaceable,
        values=status.values,
        left=status.left,
        lost=status.lost,
        old_keys=list(status.old_keys),
    )
