"""What is said to people, in English and Chinese, by machine code. A test holds that every code raised has its text."""

from collections.abc import Mapping

LANGUAGES = ("en", "zh")

TEXTS: dict[str, tuple[str, str]] = {
    # code: (English, Chinese); {names} are the facts of the error
    "account.suspended": ("The account is suspended: nothing is sent.", "账号已停用，不发送消息。"),
    "account.app_id_taken": (
        "There is already an account with the app id {app_id}.",
        "app id {app_id} 已有对应的账号。",
    ),
    "account.has_conversations": (
        "The account has conversations; suspend it instead of deleting it.",
        "该账号已有会话，请停用而不是删除。",
    ),
    "account.not_found": (
        "There is no such account.",
        "账号不存在。",
    ),
    "account.not_sending": (
        "The account is {state}: nothing is sent for it.",
        "账号状态为 {state}，不能发送。",
    ),
    "auth.account": (
        "This key may not touch that account or what belongs to it.",
        "此密钥无权访问该账号及其内容。",
    ),
    "auth.expired": ("This key has expired.", "此密钥已过期。"),
    "auth.locked": ("Too many wrong keys; try again later.", "错误密钥次数过多，请稍后再试。"),
    "auth.malformed": (
        "This is not a key of ours; check that it was copied whole.",
        "密钥格式不正确，请检查是否复制完整。",
    ),
    "auth.missing": ("A key is needed: Authorization: Bearer <key>.", "需要密钥：Authorization: Bearer <密钥>。"),
    "auth.revoked": ("This key has been revoked.", "此密钥已被吊销。"),
    "auth.role": ("The role {role} may not do this.", "角色 {role} 无权执行此操作。"),
    "auth.uid": ("The user with uid {uid} has no role on this socket.", "uid 为 {uid} 的用户在此套接字上没有角色。"),
    "auth.unknown": ("This key is not known.", "密钥无效。"),
    "cli.daemon_refused": (
        "The daemon refused: {detail}",
        "守护进程拒绝了请求：{detail}",
    ),
    "cli.no_daemon": (
        "No daemon answers on {path} ({reason}). Start it with `qiaod serve`, or see `systemctl status qiaod`.",
        "{path} 上没有守护进程响应（{reason}）。请用 `qiaod serve` 启动，或查看 `systemctl status qiaod`。",
    ),
    "cli.no_store": (
        "There is no store at {path}. Check state_dir, or start the daemon once so that it makes one.",
        "{path} 处没有数据库。请检查 state_dir，或先启动一次守护进程以创建它。",
    ),
    "conversation.not_found": (
        "There is no such conversation.",
        "会话不存在。",
    ),
    "field.choice": ("Must be one of: {choices}.", "必须是以下之一：{choices}。"),
    "field.cursor": ("This is no cursor of this list.", "游标无效。"),
    "field.idempotency_key": (
        "Must be 1 to 255 printable ASCII characters.",
        "必须是 1 到 255 个可打印的 ASCII 字符。",
    ),
    "field.limit": ("Must be a number from 1 to {most}.", "必须是 1 到 {most} 之间的整数。"),
    "field.maxItems": ("Must have at most {bound} items.", "最多 {bound} 项。"),
    "field.maxLength": ("Must have at most {bound} characters.", "最多 {bound} 个字符。"),
    "field.maxProperties": ("Must have at most {bound} entries.", "最多 {bound} 个条目。"),
    "field.maximum": ("Must be at most {bound}.", "不得大于 {bound}。"),
    "field.minItems": ("Must have at least {bound} items.", "至少 {bound} 项。"),
    "field.minLength": ("Must have at least {bound} characters.", "至少 {bound} 个字符。"),
    "field.minimum": ("Must be at least {bound}.", "不得小于 {bound}。"),
    "field.moment": (
        "Must be an RFC 3339 time with its offset, such as 2026-01-31T08:00:00Z.",
        "必须是带时区的 RFC 3339 时间，例如 2026-01-31T08:00:00Z。",
    ),
    "field.pattern": ("Does not have the form {bound}.", "不符合格式 {bound}。"),
    "field.required": ("Is missing.", "缺少此字段。"),
    "field.type": ("Must be of type {wanted}.", "类型必须是 {wanted}。"),
    "field.unknown": ("Is not known here.", "未知字段。"),
    "http.bad_request": ("This is not a valid HTTP request.", "不是有效的 HTTP 请求。"),
    "http.headers_too_large": ("The headers are too large.", "请求头过大。"),
    "http.media_type": (
        "The body must be JSON, Content-Type: application/json, not encoded.",
        "请求体必须是未压缩的 JSON（Content-Type: application/json）。",
    ),
    "http.method_not_allowed": ("This method is not allowed here.", "此路径不支持该方法。"),
    "http.misdirected": (
        "This host name is not served here; see http.hosts in the settings.",
        "此主机名不由本服务提供，参见设置 http.hosts。",
    ),
    "http.no_such_route": ("There is nothing at this path.", "路径不存在。"),
    "http.not_acceptable": (
        "The answer is not available in a type that Accept allows.",
        "无法提供 Accept 所要求的类型。",
    ),
    "http.overloaded": ("Too much at once; try again shortly.", "负载过高，请稍后再试。"),
    "http.too_large": ("The body is too large.", "请求体过大。"),
    "http.too_slow": ("The request did not arrive in time.", "请求未在限定时间内到达。"),
    "idempotency.other_request": (
        "This Idempotency-Key was used with another request.",
        "此 Idempotency-Key 已用于另一请求。",
    ),
    "idempotency.running": (
        "The first call with this Idempotency-Key is still running.",
        "使用此 Idempotency-Key 的首个请求仍在执行。",
    ),
    "idempotency.secret_answer": (
        "This was done already; its answer held a secret and is not shown again.",
        "该操作已完成；其结果含有机密，不再显示。",
    ),
    "idempotency.uncertain": (
        "The first call with this Idempotency-Key failed, perhaps after its effect; look before using another.",
        "首个请求失败，但可能已经生效；换用新键前请先核实。",
    ),
    "gewe.breaker_open": ("GeWe failed repeatedly and is left alone for a while.", "GeWe 连续失败，暂停调用。"),
    "gewe.broken_answer": ("GeWe's answer makes no sense: {detail}", "GeWe 的响应无法理解：{detail}"),
    "gewe.callback.incomplete": ("The callback has no usable {field}.", "回调缺少有效的 {field}。"),
    "gewe.callback.not_an_object": ("The callback is not a JSON object.", "回调不是 JSON 对象。"),
    "gewe.callback.not_json": ("The callback is not JSON: {reason}", "回调不是 JSON：{reason}"),
    "gewe.callback.too_deep": ("The callback is nested deeper than {most} levels.", "回调的嵌套超过 {most} 层。"),
    "gewe.limited": ("GeWe asks to slow down: {detail}", "GeWe 要求放慢发送：{detail}"),
    "gewe.nonsense": ("GeWe answered with something else than was asked.", "GeWe 返回的内容与请求不符。"),
    "gewe.offline": ("The WeChat account is not logged in at GeWe: {detail}", "微信账号在 GeWe 上未登录：{detail}"),
    "gewe.refused": ("GeWe refused: {detail}", "GeWe 拒绝了请求：{detail}"),
    "gewe.restricted": ("WeChat restricts this account: {detail}", "微信对该账号作了限制：{detail}"),
    "gewe.unauthorized": ("GeWe does not accept the account's token.", "GeWe 不接受该账号的 token。"),
    "gewe.unknown_device": ("GeWe does not know this device (appId).", "GeWe 不认识该设备（appId）。"),
    "demo.stage": (
        "qiaod {url}   WeChat (simulated) {gewe}   FastGPT (simulated) {fastgpt}\n",
        "qiaod {url}   微信（模拟）{gewe}   FastGPT（模拟）{fastgpt}\n",
    ),
    "demo.writes": ("              {name} writes: {text}", "              {name} 写道：{text}"),
    "demo.received": ("{at}  {name} received   {text}", "{at}  {name} 收到   {text}"),
    "demo.asked": ("{at}  {name} asked      {text}", "{at}  {name} 提问   {text}"),
    "demo.answered": ("{at}  {name} answered   {points} points", "{at}  {name} 回答   {points} 积分"),
    "demo.sent": ("{at}  {name} sent       {text}", "{at}  {name} 发送   {text}"),
    "demo.complete": (
        "\nEach of the {count} replies arrived exactly once.",
        "\n{count} 条回复全部送达，且各只一次。",
    ),
    "demo.failed": (
        "\nNot every reply arrived exactly once.",
        "\n并非每条回复都恰好送达一次。",
    ),
    "demo.wrong": ("{name} got {got}", "{name} 收到的是 {got}"),
    "demo.try": (
        "\nThe API is at {url}, its pages at {url}/docs. Try:\n"
        "  curl -H 'Authorization: Bearer {key}' {url}/api/v1/integrations/conversations\n"
        "Have a contact write, and watch:\n"
        '  curl -d \'{{"app_id":"wx_demoAppId000000000001","wxid":"wxid_new","text":"hello"}}\' '
        "{gewe}/_sim/wechat/person",
        "\nAPI 地址：{url}，文档：{url}/docs。试试：\n"
        "  curl -H 'Authorization: Bearer {key}' {url}/api/v1/integrations/conversations\n"
        "让一位联系人发消息：\n"
        '  curl -d \'{{"app_id":"wx_demoAppId000000000001","wxid":"wxid_new","text":"hello"}}\' '
        "{gewe}/_sim/wechat/person",
    ),
    "demo.callback": (
        "Or deliver a callback yourself, as GeWe does, to {callback}\nCtrl-C ends it.",
        "也可以像 GeWe 一样自行投递回调：{callback}\n按 Ctrl-C 结束。",
    ),
    "fastgpt.bad_request": (
        "FastGPT does not accept the request: {detail}",
        "FastGPT 不接受该请求：{detail}",
    ),
    "fastgpt.busy": ("FastGPT is still answering in this chat.", "FastGPT 仍在回答该会话中的上一条消息。"),
    "fastgpt.cut": ("The answer of FastGPT broke off.", "FastGPT 的回答中断。"),
    "fastgpt.duplicate": ("FastGPT has an answer of this name already.", "FastGPT 中已有同名的回答。"),
    "fastgpt.empty": ("FastGPT answered nothing.", "FastGPT 的回答为空。"),
    "fastgpt.forbidden": (
        "FastGPT does not allow this with the key of the workflow: {detail}",
        "该工作流的密钥在 FastGPT 中无权执行此操作：{detail}",
    ),
    "fastgpt.limited": ("FastGPT takes no more requests for now.", "FastGPT 暂时不再接受请求（限流）。"),
    "fastgpt.no_app": (
        "FastGPT knows no such app, or was not told which: check the workflow's app_id and key. {detail}",
        "FastGPT 找不到该应用或未指定应用，请检查工作流的 app_id 与密钥。{detail}",
    ),
    "fastgpt.no_points": ("The FastGPT team has no AI points left.", "FastGPT 团队的 AI 积分已用完。"),
    "fastgpt.not_an_answer": (
        "What came back is not an answer of FastGPT: check the workflow's base_url. {detail}",
        "返回的内容不是 FastGPT 的回答，请检查工作流的 base_url。{detail}",
    ),
    "fastgpt.unauthorized": (
        "FastGPT does not accept the key of the workflow: {detail}",
        "FastGPT 不接受该工作流的密钥：{detail}",
    ),
    "fastgpt.unavailable": ("FastGPT cannot answer now: {detail}", "FastGPT 目前无法回答：{detail}"),
    "fastgpt.upstream": (
        "A step of the FastGPT workflow failed: {detail}",
        "FastGPT 工作流中的某个步骤失败：{detail}",
    ),
    "fastgpt.wrong_address": (
        "There is no FastGPT API at this address: check the workflow's base_url. {detail}",
        "该地址没有 FastGPT 接口，请检查工作流的 base_url。{detail}",
    ),
    "internal": ("Something went wrong here; the log has it.", "内部出错，详情见日志。"),
    "invalid": ("The request is not valid.", "请求无效。"),
    "invalid.json": ("The body is not valid JSON: {reason}", "请求体不是有效的 JSON：{reason}"),
    "invalid.too_deep": ("The body nests deeper than {most} levels.", "请求体嵌套超过 {most} 层。"),
    "invalid.unstorable": ("A number or text is beyond what can be stored.", "数值或文本超出可存储范围。"),
    "job.has_a_twin": (
        "An open job with the same unique key does this work already.",
        "已有相同唯一键的未结束任务在处理此工作。",
    ),
    "job.not_dead": (
        "The job is {state}; only a dead one can be requeued.",
        "任务状态为 {state}，只能重新排队已失败的任务。",
    ),
    "job.not_found": ("There is no such job.", "任务不存在。"),
    "job.not_waiting": (
        "The job is {state}; only one that waits or is dead can be cancelled.",
        "任务状态为 {state}，只能取消等待中或已失败的任务。",
    ),
    "key.bad_expiry": ("A key expires in the future, within {days} days.", "到期时间必须在未来 {days} 天之内。"),
    "key.last_admin": (
        "The last admin key cannot be revoked; make another first.",
        "不能吊销最后一个管理员密钥，请先新建一个。",
    ),
    "key.not_found": ("There is no such key.", "密钥不存在。"),
    "key.void": ("The key is revoked or expired; make a new one.", "密钥已吊销或过期，请新建。"),
    "listen.in_use": ("Somebody is listening on {address} already.", "{address} 已被占用。"),
    "pool.closed": ("We are stopping; it is done after the restart.", "服务正在停止，重启后会继续处理。"),
    "pool.full": ("The queue is full; try again shortly.", "队列已满，请稍后再试。"),
    "pressure.reading": (
        "The daemon is hard pressed; reading waits. Try again in a few seconds.",
        "守护进程负载过高，读取暂缓，请稍后再试。",
    ),
    "pressure.work": (
        "The daemon is hard pressed; nothing new is begun. Try again in a few seconds.",
        "守护进程负载过高，暂不接受新任务，请稍后再试。",
    ),
    "problem.not_found": ("There is no such problem code.", "没有此错误代码。"),
    "rate.api": ("Too many requests with this key; try again later.", "请求过于频繁，请稍后再试。"),
    "remote.bad_address": (
        "The address of {service} is not a URL that can be called.",
        "{service} 的地址不是可调用的 URL。",
    ),
    "remote.bad_header": (
        "A header for {service} holds a character that may not be there, such as a line break.",
        "发往 {service} 的请求头含有非法字符（例如换行符）。",
    ),
    "remote.broken_answer": (
        "The answer of {service} was incomplete or not HTTP.",
        "{service} 的响应不完整或不是有效的 HTTP。",
    ),
    "remote.cut": ("{service} closed the connection before it answered.", "{service} 在响应之前断开了连接。"),
    "remote.gateway": ("A proxy before {service} got no answer from it.", "{service} 前面的代理没有得到它的响应。"),
    "remote.no_connection": ("{service} cannot be reached: {detail}", "无法连接 {service}：{detail}"),
    "remote.timeout": ("{service} did not answer in time.", "{service} 未在限定时间内响应。"),
    "remote.too_large": (
        "The answer of {service} is longer than {most_bytes} bytes.",
        "{service} 的响应超过 {most_bytes} 字节。",
    ),
    "send.cancelled": ("Somebody cancelled it before it went.", "发送前已被取消。"),
    "send.crashed": (
        "The daemon ended while this was being sent: it may have arrived. Look at the phone, then settle it.",
        "发送途中守护进程意外结束，消息可能已送达。请查看手机后确认。",
    ),
    "send.interrupted": (
        "Sending it was cut off: it may have arrived. Look at the phone, then settle it.",
        "发送被中断，消息可能已送达。请查看手机后确认。",
    ),
    "send.not_found": (
        "There is no such message.",
        "消息不存在。",
    ),
    "send.not_repeatable": (
        "The message is {state}: it cannot be sent again.",
        "消息状态为 {state}，不能重新发送。",
    ),
    "send.overtaken": ("A person took over before it went.", "发送前已由人工接管。"),
    "send.pace": ("It waits for its turn: the account keeps its pace.", "正在排队：账号按限定节奏发送。"),
    "send.repeated": ("It was sent once more, as another message.", "已作为另一条消息重新发送。"),
    "send.settled_not_sent": ("Somebody looked: it did not arrive.", "人工确认：未送达。"),
    "send.settled_sent": ("Somebody looked: it arrived.", "人工确认：已送达。"),
    "send.too_late": ("It was not worth sending any more.", "已过有效期，不再发送。"),
    "send.not_unknown": (
        "The message is {state}; only an unknown one is settled by a person.",
        "消息状态为 {state}；只有状态未知的消息需要人工确认。",
    ),
    "send.not_waiting": (
        "The message is {state}; only a waiting one can be cancelled.",
        "消息状态为 {state}；只有等待中的消息可以取消。",
    ),
    "settings.above": (
        "It is larger than {other}. Lower it, or raise {other}.",
        "该值大于 {other}。请调低它，或调高 {other}。",
    ),
    "settings.drains_too_long": (
        "The drain times together must stay below {most} seconds, or systemd kills the daemon. Lower one of them.",
        "四个排空时间之和不能超过 {most} 秒，否则 systemd 会提前终止守护进程。请调低其中一个。",
    ),
    "settings.file_missing": (
        "There is no such file. Copy config/qiaod.toml there, or name another with --config.",
        "文件不存在。请把 config/qiaod.toml 复制到此处，或用 --config 指定其他文件。",
    ),
    "settings.file_too_large": (
        "The file is larger than {limit} bytes, so it is no settings file.",
        "文件超过 {limit} 字节，不是配置文件。",
    ),
    "settings.file_unreadable": (
        "The file cannot be read ({reason}). Check its mode and its directory's.",
        "无法读取文件（{reason}）。请检查文件及其目录的权限。",
    ),
    "settings.invalid": (
        "The settings are not valid.",
        "配置无效。",
    ),
    "settings.misplaced": (
        "This key belongs into the section [{section}]. Move it there.",
        "该键属于 [{section}] 段，请移到那里。",
    ),
    "settings.not_toml": (
        "This is not TOML: {reason}. Texts need quotes; keys and values are joined by =.",
        "不是有效的 TOML：{reason}。文本需加引号，键和值之间用 =。",
    ),
    "settings.not_utf8": (
        "The file is not UTF-8 at byte {position}. Save it as UTF-8.",
        "文件在第 {position} 字节处不是 UTF-8。请另存为 UTF-8。",
    ),
    "settings.out_of_range": (
        "{value} is out of range. Choose from {least} to {most} {unit}.",
        "{value} 超出范围。请取 {least} 到 {most} {unit}。",
    ),
    "settings.socket_path_long": (
        "The path of the Unix socket, {path}, is longer than {most} bytes. Set http.unix_socket to a shorter one.",
        "Unix 套接字路径 {path} 超过 {most} 字节。请把 http.unix_socket 设为更短的路径。",
    ),
    "settings.unknown": (
        "There is no such setting. Remove it; docs/configuration.md lists all.",
        "没有这个配置项。请删除；全部配置项见 docs/configuration.md。",
    ),
    "settings.unknown_near": (
        "There is no such setting. Did you mean {near}?",
        "没有这个配置项。是否想写 {near}？",
    ),
    "settings.want_address": (
        "{value} is no address. Write host:port, such as 127.0.0.1:8470 or [::1]:8470.",
        "{value} 不是地址。请写成 主机:端口，例如 127.0.0.1:8470 或 [::1]:8470。",
    ),
    "settings.want_boolean": (
        "{value} is neither true nor false. Write true or false, without quotes.",
        "{value} 不是 true 或 false。请写 true 或 false，不加引号。",
    ),
    "settings.want_choice": (
        "{value} is not one of: {choices}.",
        "{value} 不在可选值之中：{choices}。",
    ),
    "settings.want_host": (
        "{value} is no host name. Write the name alone, without scheme, port or path.",
        "{value} 不是主机名。只写主机名，不带协议、端口或路径。",
    ),
    "settings.want_integer": (
        "{value} is no whole number. Write it in digits, without quotes.",
        "{value} 不是整数。请直接写数字，不加引号。",
    ),
    "settings.want_list": (
        '{value} is no list of texts. Write it as ["one", "two"].',
        '{value} 不是文本列表。请写成 ["one", "two"]。',
    ),
    "settings.want_number": (
        "{value} is no number of {unit}. Write a plain number, without quotes.",
        "{value} 不是以 {unit} 为单位的数字。请直接写数字，不加引号。",
    ),
    "settings.want_section": (
        "This is a section: write [{section}] on a line of its own, and its keys below.",
        "这是一个段：请单独一行写 [{section}]，其下写各键。",
    ),
    "settings.want_table": (
        '{value} is no table of texts. Write it as {{ name = "text" }}.',
        '{value} 不是文本表。请写成 {{ name = "text" }}。',
    ),
    "settings.want_text": (
        "{value} is no text. Put it in quotes.",
        "{value} 不是文本。请加引号。",
    ),
    "settings.want_network": (
        "{value} is no address or network. Write 10.0.0.5 or 10.0.0.0/8.",
        "{value} 不是地址或网段。请写成 10.0.0.5 或 10.0.0.0/8。",
    ),
    "settings.want_uid": (
        '{value} is no user id. Write the number that `id -u NAME` prints, in quotes, or "self".',
        '{value} 不是用户 ID。请写 `id -u 用户名` 输出的数字（加引号），或 "self"。',
    ),
    "settings.want_url": (
        "{value} is no plain http or https URL. Write it as https://bot.example.org, without user name and query.",
        "{value} 不是有效的 http 或 https 地址。请写成 https://bot.example.org，不带用户名和查询参数。",
    ),
    "stale": ("It belongs to another owner by now.", "它已归属其他执行者。"),
    "stale_version": (
        "It was changed meanwhile. Read it again, then change it.",
        "内容已被他人修改，请重新读取后再改。",
    ),
    "store.backup_bad": (
        "The backup {path} is not whole ({reason}). Choose another; `qiaod backup` makes a new one.",
        "备份 {path} 不完整（{reason}）。请选择其他备份，或用 `qiaod backup` 新建一份。",
    ),
    "store.backup_missing": ("There is no backup at {path}.", "{path} 处没有备份。"),
    "store.busy": (
        "Another process is writing to the database. Nothing but the daemon may write to it.",
        "另一个进程正在写数据库。除守护进程外，任何程序都不得写入。",
    ),
    "store.cannot_open": (
        "The database {path} cannot be opened: {reason}",
        "无法打开数据库 {path}：{reason}",
    ),
    "store.corrupt": (
        "The database is damaged; the next start moves it aside and restores the newest whole backup.",
        "数据库已损坏；下次启动时会将其移开，并恢复最新的完整备份。",
    ),
    "store.crashed": (
        "The store stopped by a mistake of its own; the log has it.",
        "存储因自身错误而停止，详情见日志。",
    ),
    "store.full": (
        "The disk is full. Free some space; the store goes on by itself.",
        "磁盘已满。请释放空间，存储会自动恢复。",
    ),
    "store.linked": (
        "The database {path} has {links} names (hard links). It must have one: remove the others.",
        "数据库 {path} 有 {links} 个名字（硬链接），只能有一个。请删除其余的。",
    ),
    "store.locked": (
        "Another qiaod (process {pid}) uses the state directory {path}. Stop it first.",
        "另一个 qiaod（进程 {pid}）正在使用状态目录 {path}。请先停止它。",
    ),
    "store.locked_out": (
        "The database has become read-only or cannot be opened.",
        "数据库变为只读或无法打开。",
    ),
    "store.no_backup": (
        "The database {path} is damaged and there is no verified backup in {backups}. Put one there, or run `qiaod "
        "restore` with another.",
        "数据库 {path} 已损坏，且 {backups} 中没有经过校验的备份。请放入一份备份，或用 `qiaod restore` 指定其他备份。",
    ),
    "store.not_regular": ("{path} is not a regular file.", "{path} 不是普通文件。"),
    "store.overloaded": (
        "The store has {waiting} writes waiting and takes no more for a moment.",
        "存储已有 {waiting} 个写入在等待，暂不再接受。",
    ),
    "store.read": (
        "The database could not be read; it is being examined.",
        "数据库读取失败，正在检查。",
    ),
    "store.read_timeout": ("Reading took longer than {seconds} s.", "读取超过 {seconds} 秒。"),
    "store.replaced": (
        "The database file was removed or replaced while the daemon was running.",
        "数据库文件在守护进程运行期间被删除或替换。",
    ),
    "store.schema_too_new": (
        "The database has schema version {found}, this program knows {known}. Install the newer program again.",
        "数据库结构版本为 {found}，本程序只支持到 {known}。请重新安装较新的程序。",
    ),
    "store.slow": (
        "The store did not commit in time.",
        "存储未能及时提交。",
    ),
    "store.spool_full": ("The spool has reached {cap} bytes.", "暂存文件已达到 {cap} 字节上限。"),
    "store.sqlite_too_old": (
        "SQLite {found} is too old; qiaod needs {least} or newer.",
        "SQLite {found} 版本过旧；qiaod 需要 {least} 或更新版本。",
    ),
    "store.stopped": ("The store is closed.", "存储已关闭。"),
    "store.sync": (
        "Writing to the disk failed; nothing of it is kept.",
        "写入磁盘失败，本次写入未保留。",
    ),
    "store.unavailable": ("The store cannot write just now.", "存储暂时无法写入。"),
    "store.wrong_owner": (
        "{path} belongs to user {owner}, but qiaod runs as user {own}. Run `chown -R {own} {directory}`.",
        "{path} 属于用户 {owner}，而 qiaod 以用户 {own} 运行。请执行 `chown -R {own} {directory}`。",
    ),
    "turn.too_late": ("The question was not worth answering any more.", "问题已过有效期，不再回答。"),
    "turn.breaker_open": (
        "The workflow's service keeps failing; it is asked again in a while.",
        "工作流服务持续出错，稍后会再次尝试。",
    ),
    "turn.retries_spent": (
        "The service keeps failing; questions are repeated again when it answers.",
        "该服务持续出错，恢复后会再次尝试。",
    ),
    "vault.corrupt": (
        "A stored secret ({context}) is damaged: the key fits, the value does not. Write it anew.",
        "已保存的密钥（{context}）已损坏：主密钥正确，但内容无法解开。请重新写入。",
    ),
    "vault.key_exposed": (
        "Others may read the master key {path}. Make it yours alone: chmod 400, owned by the daemon's user or root.",
        "{path} 可被他人读取，因此不作为主密钥使用。请执行 chmod 400，并归守护进程用户或 root 所有。",
    ),
    "vault.no_key": (
        "There is a store but no master key. Give it as the systemd credential master-key, or put it back at {path}.",
        "数据库存在，但没有主密钥。请以 systemd 凭据 master-key 提供，或放回 {path}。",
    ),
    "vault.no_master_key": (
        "The master key of {source} is not 32 bytes, in hexadecimal or base64. Make one with: openssl rand -hex 32",
        "{source} 中的主密钥不是 32 字节（十六进制或 base64）。可用此命令生成：openssl rand -hex 32",
    ),
    "vault.wrong_key": (
        "The secrets here were sealed with the master key {wanted}; the one given is {given}. Give the right one.",
        "此处的密钥由主密钥 {wanted} 加密；当前提供的是 {given}。请提供正确的主密钥。",
    ),
    "workflow.in_use": (
        "The workflow is used by {users}; change that first.",
        "工作流正被 {users} 使用，请先修改。",
    ),
    "workflow.not_found": (
        "There is no such workflow.",
        "工作流不存在。",
    ),
}


def render(code: str, language: str, facts: Mapping[str, object]) -> str:
    """The text of `code`; the code itself where there is none, so that nothing is ever silent."""
    texts = TEXTS.get(code)
    if texts is None:
        return code
    text = texts[LANGUAGES.index(language) if language in LANGUAGES else 0]
    try:
        return text.format_map(facts)
    except (KeyError, IndexError, ValueError):
        return text
