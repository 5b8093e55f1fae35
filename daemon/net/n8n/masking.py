"""Our own credentials taken out of what n8n says: a workflow may pass on whatever its Webhook node was given."""

import re

from daemon.codec import encode
from daemon.secret import MASK, SHORTEST, Secret

# A token of wire_request's, {"alg":"HS256","typ":"JWT"}.{"iss":"qiaod",…}: each call has another.
OURS = re.compile(rb"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9\.eyJpc3MiOiJxaWFvZCIs[\w-]{1,200}\.[\w-]{1,200}")


def masked(raw: bytes | bytearray, *secrets: Secret) -> bytes:
    """A document of JSON without them; those too short to be told from innocent text stay."""
    shown = bytes(raw)
    for secret in secrets:
        told = encode(secret.reveal())[1:-1]  # as it is within a text
        if len(told) >= SHORTEST:
            shown = shown.replace(told, MASK.encode())
    return OURS.sub(MASK.encode(), shown)
