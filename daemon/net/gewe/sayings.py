"""What GeWe says of failures, call by call: Chinese sentences seen in the wild, and the error each of them is.

They come after the sentences that mean the same everywhere, which are in `answers`.
"""

import re
from collections.abc import Callable

from daemon.errors import RemoteError, RemoteRefused, RemoteUnavailable

SERVICE = "gewe"

Sayings = tuple[tuple[re.Pattern[str], Callable[[str], RemoteError]], ...]  # the error is made of the detail to keep
NOTHING_SPECIAL: Sayings = ()

LOGIN: Sayings = (
    (
        re.compile("已登录.{0,4}请勿重复登录"),
        lambda said: RemoteRefused("gewe.already_logged_in", service=SERVICE, detail=said),
    ),
    (
        re.compile("需要输入安全验证码"),
        lambda said: RemoteRefused("gewe.login_code_needed", service=SERVICE, detail=said),
    ),
    (
        re.compile("二维码.{0,8}(?:过期|失效)"),
        lambda said: RemoteRefused("gewe.login_expired", service=SERVICE, detail=said),
    ),
    (
        re.compile("状态正常.{0,4}无需重连"),
        lambda said: RemoteRefused("gewe.nothing_to_reconnect", service=SERVICE, detail=said),
    ),
    (
        re.compile("已达到最大客户端数量"),
        lambda said: RemoteRefused("gewe.device_limit", service=SERVICE, detail=said),
    ),
    (
        re.compile(r"创建设备失败|unexpected EOF|exceeded maximum retries|short\.weixin\.qq\.com"),
        lambda said: RemoteUnavailable("gewe.wechat_unreachable", service=SERVICE, detail=said),
    ),
)

CALLBACK: Sayings = (
    (
        re.compile("push msg err"),
        lambda said: RemoteRefused("gewe.callback_unreachable", service=SERVICE, detail=said),
    ),
)

SEARCH: Sayings = (
    (re.compile("用户不存在"), lambda said: RemoteRefused("gewe.no_such_user", service=SERVICE, detail=said)),
)

MEMBERS: Sayings = (
    (
        re.compile("MemberList are wrong"),
        lambda said: RemoteRefused("gewe.bad_members", service=SERVICE, detail=said),
    ),
)

REVOKE: Sayings = (
    (
        re.compile("超过可撤回时间"),
        lambda said: RemoteRefused("gewe.too_late_to_revoke", service=SERVICE, detail=said),
    ),
)

SEND: Sayings = (
    (
        re.compile("下载(?:图片|文件|语音|视频)失败"),
        lambda said: RemoteRefused("gewe.media_unfetched", service=SERVICE, detail=said),
    ),
    (
        re.compile("(?:图片|文件|语音|视频)格式错误"),
        lambda said: RemoteRefused("gewe.media_bad_format", service=SERVICE, detail=said),
    ),
)

DOWNLOAD: Sayings = (
    (
        re.compile("NullPointerException|文件不存在|资源不存在|已过期"),
        lambda said: RemoteRefused("gewe.media_gone", service=SERVICE, detail=said),
    ),
    (
        re.compile("xml解析异常", re.IGNORECASE),
        lambda said: RemoteRefused("gewe.media_bad_xml", service=SERVICE, detail=said),
    ),
)
