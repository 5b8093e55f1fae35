"""GeWe's envelope and its true texts, in pure functions (contract sections 1.1-1.3)."""

from collections.abc import Mapping
from typing import Any

from daemon.codec import encode_text

Reply = dict[str, Any]

PREFIXES = ("/gewe/v2/api", "/v2/api")  # hosted, self-hosted
HOSTED = PREFIXES[0]

HEADER_MISSING = "header:X-GEWE-TOKEN 不可为空"
HOSTED_ONLY = "该接口仅支持付费版"  # this text is ours: none is on record
OFFLINE = "微信已离线"
TOO_OFTEN = "操作过于频繁，请稍后再试"
LOGGED_IN = "微信已登录，请勿重复登录。"
TOO_MANY_DEVICES = "已达到最大客户端数量操作"
NEEDS_CODE = "本次登录需要输入安全验证码"
FINE_ALREADY = "断线重连异常 e=当前账号状态正常，无需重连"
TOO_LATE_TO_REVOKE = "消息已超过可撤回时间"

SEND_FAILED = "发送消息失败"
QR_FAILED = "获取二维码失败"
CHECK_FAILED = "检测登录失败"
REVOKE_FAILED = "撤回消息失败"
CONTACTS_FAILED = "获取联系人列表失败"


def ok(msg: str = "操作成功") -> Reply:
    return {"ret": 200, "msg": msg}


def given(value: Any, msg: str = "操作成功") -> Reply:
    return {"ret": 200, "msg": msg, "data": value}


def refused(operation: str, cause: str | None, code: str = "-1") -> Reply:
    """Form A."""
    return {"ret": 500, "msg": operation, "data": {"code": code, "msg": cause}}


def plain(msg: str | None) -> Reply:
    """Form B; with None, form C."""
    return {"ret": 500, "msg": msg}


def detailed(operation: str, cause: str) -> Reply:
    """Form D: JSON inside a string."""
    detail = encode_text({"ret": -1, "msg": "fail", "msg_err": cause})
    return {"ret": 500, "msg": operation, "data": {"msg": operation, "detail": detail}}


def empty(field: str) -> Reply:
    return plain(f"{field}不可为空")


def bad_token(token: str) -> Reply:
    return plain(f"HTTP HEADER: X-GEWE-TOKEN={token} 不可用或已过期")


def no_device(operation: str, app_id: str) -> Reply:
    return refused(operation, f"[{app_id}]设备不存在")


def missing(body: Mapping[str, Any], *fields: str) -> Reply | None:
    """The refusal for the first required field that is absent or empty."""
    return next((empty(name) for name in fields if body.get(name) in (None, "", [])), None)


def failure(name: str, token: str, message: str) -> Reply:
    """One of ERRORS."""
    match name:
        case "bad-token":
            return bad_token(token)
        case "missing-token":
            return plain(HEADER_MISSING)
        case "form-b":
            return plain(message or "系统异常")
        case "form-c":
            return plain(None)
        case "form-d":
            return detailed(SEND_FAILED, message or "系统繁忙")
        case _:
            causes = {"offline": OFFLINE, "rate-text": TOO_OFTEN, "risk": "账号存在风控，操作受限"}
            return refused(SEND_FAILED, message or causes.get(name, "unexpected EOF"))


ERRORS = (
    "offline",
    "bad-token",
    "missing-token",
    "rate-text",
    "rate-429",
    "risk",
    "form-a",
    "form-b",
    "form-c",
    "form-d",
)
