import json
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from daemon.errors import (
    AccountOffline,
    OutcomeUnknown,
    RemoteError,
    RemoteLimited,
    RemoteRefused,
    RemoteUnauthorized,
    RemoteUnavailable,
)
from daemon.net.gewe.answers import Answer
from daemon.net.gewe.sayings import CALLBACK, DOWNLOAD, LOGIN, MEMBERS, REVOKE, SEARCH, Sayings


def answer(body: object, status: int = 200, *, repeatable: bool = False) -> Answer:
    return Answer(
        status=status,
        body=body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode(),
        retry_after=timedelta(seconds=9),
        repeatable=repeatable,
        detail=lambda words: words[:200],
    )


def refusal(msg: str | None, cause: str | None = None, **data: Any) -> dict[str, Any]:
    inner = {"data": {"code": "-1", "msg": cause, **data}} if cause or data else {}
    return {"ret": 500, "msg": msg, **inner}


SAID = [
    # what GeWe said, what it means, the code
    (refusal("header:X-GEWE-TOKEN 不可为空"), RemoteUnauthorized, "gewe.unauthorized"),
    (refusal("HTTP HEADER: X-GEWE-TOKEN=5f0c91aa 不可用或已过期"), RemoteUnauthorized, "gewe.unauthorized"),
    (refusal("VideosApi-token 不可用"), RemoteUnauthorized, "gewe.unauthorized"),
    ({"ret": 401, "msg": None}, RemoteUnauthorized, "gewe.unauthorized"),
    ({"ret": 403}, RemoteUnauthorized, "gewe.unauthorized"),
    (refusal("发送消息失败", "微信已离线"), AccountOffline, "gewe.offline"),
    (refusal("获取联系人列表失败", "账号未登录"), AccountOffline, "gewe.offline"),
    (refusal("登录已过期"), AccountOffline, "gewe.offline"),
    (refusal("登录过期，请重新登录"), AccountOffline, "gewe.offline"),
    (refusal("获取二维码失败", "[wx_x]设备不存在"), RemoteRefused, "gewe.unknown_device"),
    (refusal("发送消息失败", "操作过于频繁"), RemoteLimited, "gewe.limited"),
    (refusal("下载失败", "最大支持2条并发"), RemoteLimited, "gewe.limited"),
    (refusal("系统繁忙，请稍后再试"), RemoteLimited, "gewe.limited"),
    (refusal("请求频率限制，请稍后再试"), RemoteLimited, "gewe.limited"),
    (refusal("发送消息失败", "账号已被风控"), RemoteRefused, "gewe.restricted"),
    (refusal("发送消息失败", "操作频繁，账号被封禁"), RemoteRefused, "gewe.restricted"),
    (refusal("该功能已被限制使用"), RemoteRefused, "gewe.restricted"),
    (refusal("封面图片不可用"), RemoteRefused, "gewe.refused"),
    (refusal("content不可为空"), RemoteRefused, "gewe.refused"),
    (refusal("搜索联系人失败", "用户不存在"), RemoteRefused, "gewe.refused"),
    (refusal(None), RemoteRefused, "gewe.refused"),
    (refusal("失败", detail=json.dumps({"ret": -1, "msg_err": "微信已离线"})), AccountOffline, "gewe.offline"),
    (refusal("失败", detail="no JSON {"), RemoteRefused, "gewe.refused"),
    ({"ret": "500", "msg": "x"}, RemoteRefused, "gewe.refused"),
    ({"ret": 0, "msg": "ok"}, RemoteRefused, "gewe.refused"),
    ({"ret": 500, "msg": 7, "data": {"code": 500, "msg": ["x"]}}, RemoteRefused, "gewe.refused"),
]


@pytest.mark.parametrize(("said", "kind", "code"), SAID)
@pytest.mark.parametrize("status", [200, 500, 503])
def test_the_reason_is_in_the_sentence_whatever_the_http_status(
    said: object, kind: type[RemoteError], code: str, status: int
) -> None:
    with pytest.raises(RemoteError) as caught:
        answer(said, status).data()

    assert (type(caught.value), caught.value.code) == (kind, code)


STATUSES = [
    (401, RemoteUnauthorized),
    (403, RemoteUnauthorized),
    (429, RemoteLimited),
    (301, RemoteRefused),
    (400, RemoteRefused),
    (404, RemoteRefused),
    (405, RemoteRefused),
    (413, RemoteRefused),
    (408, OutcomeUnknown),
    (500, OutcomeUnknown),
    (503, OutcomeUnknown),
    (520, OutcomeUnknown),
    (200, OutcomeUnknown),
    (204, OutcomeUnknown),
]


@pytest.mark.parametrize(("status", "kind"), STATUSES)
@pytest.mark.parametrize("body", [b"", b"<html>", b'{"ret":', b"[]", b"null", b'{"msg":"ok"}', b'{"ret":null}'])
def test_without_a_word_of_gewes_only_the_status_speaks(body: bytes, status: int, kind: type[RemoteError]) -> None:
    with pytest.raises(RemoteError) as caught:
        answer(body, status).data()

    assert type(caught.value) is kind


@pytest.mark.parametrize("status", [408, 500, 503, 200])
def test_what_is_unclear_may_be_asked_again_where_that_does_no_harm(status: int) -> None:
    with pytest.raises(RemoteUnavailable):
        answer(b"<html>", status, repeatable=True).data()


def test_a_success_under_an_error_status_is_unclear() -> None:
    with pytest.raises(OutcomeUnknown):
        answer({"ret": 200, "data": {}}, status=500).data()


@pytest.mark.parametrize("msg", ["操作成功", "执行成功", "获取联系人信息成功", None, "失败", "微信已离线"])
def test_success_is_told_by_ret_and_never_by_the_words(msg: str | None) -> None:
    assert answer({"ret": 200, "msg": msg, "data": True}).data() is True
    assert answer({"ret": 200, "msg": msg}).data() is None


SPECIAL = [
    # in answer to what, what GeWe said, what it means, the code
    (LOGIN, refusal("获取二维码失败", "微信已登录，请勿重复登录。"), RemoteRefused, "gewe.already_logged_in"),
    (LOGIN, refusal("检测登录失败", "本次登录需要输入安全验证码"), RemoteRefused, "gewe.login_code_needed"),
    (LOGIN, refusal("检测登录失败", "二维码已过期"), RemoteRefused, "gewe.login_expired"),
    (LOGIN, refusal("断线重连异常 e=当前账号状态正常，无需重连"), RemoteRefused, "gewe.nothing_to_reconnect"),
    (LOGIN, refusal("创建设备失败", "已达到最大客户端数量操作"), RemoteRefused, "gewe.device_limit"),
    (LOGIN, refusal("创建设备失败", "unexpected EOF"), RemoteUnavailable, "gewe.wechat_unreachable"),
    (LOGIN, refusal("检测登录失败", "微信已离线"), AccountOffline, "gewe.offline"),
    (CALLBACK, refusal("https://q.example/cb push msg err"), RemoteRefused, "gewe.callback_unreachable"),
    (CALLBACK, refusal("X-GEWE-TOKEN=1 push msg err"), RemoteUnauthorized, "gewe.unauthorized"),
    (SEARCH, refusal("搜索联系人失败", "用户不存在"), RemoteRefused, "gewe.no_such_user"),
    (MEMBERS, refusal("创建群聊失败", "MemberList are wrong"), RemoteRefused, "gewe.bad_members"),
    (REVOKE, refusal("撤回消息失败", "消息已超过可撤回时间"), RemoteRefused, "gewe.too_late_to_revoke"),
    (DOWNLOAD, refusal("下载失败", "java.lang.NullPointerException"), RemoteRefused, "gewe.media_gone"),
    (DOWNLOAD, refusal("下载失败", "资源已过期"), RemoteRefused, "gewe.media_gone"),
    (DOWNLOAD, refusal("下载失败", "登录已过期"), AccountOffline, "gewe.offline"),
    (DOWNLOAD, refusal("下载图片xml解析异常"), RemoteRefused, "gewe.media_bad_xml"),
    (DOWNLOAD, refusal("下载失败", "最大支持2条并发"), RemoteLimited, "gewe.limited"),
]


@pytest.mark.parametrize(("sayings", "said", "kind", "code"), SPECIAL)
def test_some_sentences_mean_something_of_their_own_in_answer_to_a_call(
    sayings: Sayings, said: object, kind: type[RemoteError], code: str
) -> None:
    with pytest.raises(RemoteError) as caught:
        evolve(answer(said), sayings=sayings).data()

    assert (type(caught.value), caught.value.code) == (kind, code)


def test_a_limit_says_when_to_come_again() -> None:
    with pytest.raises(RemoteLimited) as caught:
        answer(refusal("操作过于频繁")).data()

    assert caught.value.retry_after == timedelta(seconds=9)


def test_the_cause_is_told_rather_than_the_operation() -> None:
    with pytest.raises(AccountOffline) as caught:
        answer(refusal("发送消息失败", "微信已离线")).data()

    assert caught.value.detail == "微信已离线"


@given(st.binary(max_size=200), st.integers(200, 599), st.booleans())
def test_any_answer_is_data_or_an_error_of_ours(body: bytes, status: int, repeatable: bool) -> None:
    with suppress(RemoteError):
        answer(body, status, repeatable=repeatable).data()


SENTENCE = st.text(max_size=30) | st.sampled_from(["微信已离线", "X-GEWE-TOKEN", "频繁", "封"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | SENTENCE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["msg", "detail", "code"]), inner),
    max_leaves=5,
)


@given(JSON.filter(lambda ret: ret not in (200, "200")), JSON, JSON, st.sampled_from([200, 500]))
def test_what_is_not_surely_done_is_never_taken_for_done(ret: object, msg: object, data: object, status: int) -> None:
    with pytest.raises(RemoteError):
        answer({"ret": ret, "msg": msg, "data": data}, status).data()
