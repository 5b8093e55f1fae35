"""Who may call a webhook of the simulated n8n, and what of the call reaches the workflow (contract 1.2, 1.3)."""

import base64
import hashlib
import hmac
from binascii import Error as NotBase64
from collections.abc import Mapping
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web

from daemon.clock import Clock
from daemon.codec import parse
from daemon.errors import Invalid
from daemon.sim.n8n_errors import Reply, denied, refusal, told
from daemon.sim.n8n_script import Auth, Flow

BOTS = ("bot", "crawler", "spider", "aiohttp", "python-requests", "curl", "wget")
TOLERANCE_S = 300  # of a signature's time, as Standard Webhooks has it


def refused(flow: Flow, headers: Mapping[str, str], profile: str, clock: Clock) -> Reply | None:
    """None where the node lets the call in."""
    if flow.ignores_bots and any(bot in headers.get("User-Agent", "").lower() for bot in BOTS):
        return denied(403, "Authorization data is wrong!")
    match flow.auth.kind:
        case "misset":
            return denied(500, "No authentication data defined on node!")
        case "basic":
            return _basic(flow, headers, profile)
        case "header":
            given = headers.get(flow.auth.name, "")
            right = hmac.compare_digest(given.encode(), flow.auth.secret.encode())
            return None if right else denied(403, "Authorization data is wrong!")
        case "jwt":
            return _jwt(flow.auth, headers, clock)
    return None


def _basic(flow: Flow, headers: Mapping[str, str], profile: str) -> Reply | None:
    scheme, _, given = headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return denied(401, "Authorization is required!")
    wanted = base64.b64encode(f"{flow.auth.name}:{flow.auth.secret}".encode())
    if hmac.compare_digest(given.encode(), wanted):
        return None
    if profile == "2.8.4" or flow.trigger == "chat":
        return denied(403, "Authorization data is wrong!")
    return denied(401, "Authentication data is wrong!")


def _jwt(auth: Auth, headers: Mapping[str, str], clock: Clock) -> Reply | None:
    """HS256 by hand: the caller's library must not be its own judge."""
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer" or not token:
        return denied(401, "No token provided")
    parts = token.split(".")
    if len(parts) != 3:
        return denied(403, "jwt malformed")
    if not parts[2]:
        return denied(403, "jwt signature is required")
    try:
        header, claims = parse(_unpadded(parts[0])), parse(_unpadded(parts[1]))
        signature = _unpadded(parts[2])
    except (Invalid, NotBase64):
        return denied(403, "jwt malformed")
    if header.get("alg") != "HS256":
        return denied(403, "invalid algorithm")
    mac = hmac.digest(auth.secret.encode(), f"{parts[0]}.{parts[1]}".encode(), hashlib.sha256)
    if not hmac.compare_digest(mac, signature):
        return denied(403, "invalid signature")
    if "exp" in claims and claims["exp"] <= clock.now().timestamp():
        return denied(403, "jwt expired")
    return None


def _unpadded(part: str) -> bytes:
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)


def unsigned(flow: Flow, headers: Mapping[str, str], raw: bytes, clock: Clock) -> Reply | None:
    """What a workflow that checks signatures answers through its respond node; None where one is right."""
    if not flow.signing_secrets:
        return None
    number, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not (number and stamp.isdecimal()):
        return told({"error": "signature missing"}, 401)
    if abs(clock.now().timestamp() - int(stamp)) > TOLERANCE_S:
        return told({"error": "signature too old"}, 401)
    signed = b".".join([number.encode(), stamp.encode(), raw])
    given = [word.removeprefix("v1,") for word in headers.get("webhook-signature", "").split(" ")]
    for secret in flow.signing_secrets:
        key = base64.b64decode(secret.removeprefix("whsec_"))
        right = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
        if any(hmac.compare_digest(right.encode(), one.encode()) for one in given):
            return None
    return told({"error": "signature wrong"}, 401)


async def body_of(request: web.Request) -> Any | Reply:
    """As n8n reads it: what has no known type is an empty object, and its bytes are lost to the workflow."""
    if request.headers.get("Content-Encoding", "") == "br":
        return refusal(422, "Failed to parse request body", hint="unsupported content encoding")
    raw, kind = await request.read(), request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        return _json(raw)
    if kind == "application/x-www-form-urlencoded":
        fields = parse_qs(raw.decode(errors="replace"), keep_blank_values=True)
        return {name: values[0] if len(values) == 1 else values for name, values in fields.items()}
    if kind == "multipart/form-data":
        return _form(request.headers["Content-Type"], raw)
    return raw.decode(errors="replace") if kind in ("text/plain", "application/xml", "text/xml") else {}


def _json(raw: bytes) -> Any | Reply:
    try:
        document = parse(raw) if raw else None
    except Invalid as error:
        return refusal(422, "Failed to parse request body", hint=str(error.facts.get("reason", "")))
    return {} if document is None else document


def _form(content_type: str, raw: bytes) -> dict[str, Any]:
    """Files are told by what they are: a workflow sees them in `files`."""
    message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + raw)
    fields: dict[str, Any] = {}
    files: list[dict[str, Any]] = []
    for part in message.iter_parts():
        name, content = part.get_param("name", header="content-disposition"), part.get_payload(decode=True)
        body = content if isinstance(content, bytes) else b""
        if part.get_filename() is None:
            fields[str(name)] = body.decode(errors="replace")
            continue
        kind, _, rest = part.get_content_type().partition("/")
        told_of = {"fileName": part.get_filename(), "fileSize": f"{len(body)} B", "fileType": kind}
        more = {"mimeType": part.get_content_type(), "fileExtension": rest, "binaryKey": f"data{len(files)}"}
        files.append({**told_of, **more})
    return {**fields, "files": files} if files else fields
