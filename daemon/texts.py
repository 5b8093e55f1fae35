"""What is said to people, in English and Chinese, by machine code. A test holds that every code raised has its text."""

from collections.abc import Mapping

LANGUAGES = ("en", "zh")

TEXTS: dict[str, tuple[str, str]] = {
    # code: (English, Chinese); {names} are the facts of the error
    "account.checked_offline": ("GeWe says that it is offline.", "GeWe 报告该账号已离线。"),
    "account.false_online": (
        "GeWe takes the account for online, yet messages fail as offline: reconnecting does nothing. Log it out, "
        "then in again.",
        "GeWe 认为账号在线，但发送消息时提示已离线，断线重连不起作用。请先退出登录，再重新登录。",
    ),
    "account.login_begun": (
        "A login is under way: scan the code, or confirm on the phone.",
        "正在登录：请扫码，或在手机上确认。",
    ),
    "account.needs_qr.title": ("A WeChat account needs its owner", "微信账号需要扫码登录"),
    "account.needs_qr": (
        "The WeChat account {name} is offline and could not be logged in again by itself. Scan a code: qiaod gewe "
        "login {id}",
        "微信账号“{name}”已离线，自动重新登录未成功。请扫码登录：qiaod gewe login {id}",
    ),
    "account.no_device": (
        "The account has never been logged in: its first login is by QR code.",
        "该账号从未登录过，首次登录请使用二维码。",
    ),
    "account.no_login": (
        "No login is under way for this account; begin one first.",
        "该账号没有正在进行的登录，请先发起登录。",
    ),
    "account.probing": (
        "GeWe says online and offline at once: a message to filehelper will show which.",
        "GeWe 的说法前后矛盾，正在向文件传输助手发送一条消息来确认。",
    ),
    "account.suspended": ("The account is suspended: nothing is sent.", "账号已停用，不发送消息。"),
    "account.app_id_taken": (
        "There is already an account with the app id {app_id}.",
        "app id {app_id} 已有对应的账号。",
    ),
    "account.has_conversations": (
        "The account has conversations; suspend it instead of deleting it.",
        "该账号已有会话，请停用而不是删除。",
    ),
    "account.name_one": (
        "Name the account: there are {count}.",
        "请指明账号：当前共有 {count} 个。",
    ),
    "account.not_found": (
        "There is no such account.",
        "账号不存在。",
    ),
    "account.not_sending": (
        "The account is {state}: nothing is sent for it.",
        "账号状态为 {state}，不能发送。",
    ),
    "audit.broken": (
        "The audit log is broken at row {seq} ({why}): compare with a backup and with audit.head in the journal.",
        "审计日志在第 {seq} 行损坏（{why}）：请与备份及系统日志中的 audit.head 核对。",
    ),
    "ai_webhook.api_key": (
        "Is missing: it stays only with the address it was for.",
        "缺少密钥：地址改变后须重新填写。",
    ),
    "ai_webhook.auth_header": (
        "Must be the name of a header that the call itself does not need.",
        "必须是合法的请求头名称，且不能是调用本身要用的请求头。",
    ),
    "ai_webhook.auth_none": (
        "Says none, and there is a name or a secret.",
        "认证方式为 none，却填写了名称或密钥。",
    ),
    "ai_webhook.auth_secret": (
        "Is missing: it stays only with the kind and the address it was for.",
        "缺少密钥：认证方式或地址改变后须重新填写。",
    ),
    "ai_webhook.auth_user": (
        "Must be the user's name, without a colon.",
        "必须填写用户名，且不能含冒号。",
    ),
    "ai_webhook.breaker_open": (
        "The webhook has failed too often: it is left alone for a moment.",
        "该 Webhook 连续失败，暂停调用，请稍后再试。",
    ),
    "ai_webhook.credential_rejected": (
        "n8n has refused the webhook's credential: it is not called until it is changed, or a test of it succeeds.",
        "n8n 拒绝了该 Webhook 的凭据，已停止调用。修改凭据或测试成功后恢复。",
    ),
    "ai_webhook.in_use": (
        "It still serves {users}: give them another webhook first.",
        "仍在被以下工作流使用：{users}。请先为其更换 Webhook。",
    ),
    "ai_webhook.inactive": (
        "The workflow's webhook is switched off, or gone.",
        "该工作流的 Webhook 已停用或不存在。",
    ),
    "ai_webhook.none_active": (
        "No active webhook does tasks of the type {task_type}.",
        "没有处理任务类型“{task_type}”的启用中的 Webhook。",
    ),
    "ai_webhook.not_found": ("There is no such webhook.", "该 Webhook 不存在。"),
    "ai_webhook.refused.title": ("An n8n webhook cannot be called", "n8n Webhook 无法调用"),
    "ai_webhook.refused": (
        "n8n does not serve the webhook {webhook} ({task_type}) as it is set up here: {reason}. Test it to see more.",
        "n8n Webhook“{webhook}”（{task_type}）的配置无法使用：{reason}。可通过测试查看详情。",
    ),
    "ai_webhook.retry_cap": ("Must not be less than base_seconds.", "不得小于 base_seconds。"),
    "ai_webhook.signing_key": (
        "Must be base64 of {least} bytes or more, as whsec_….",
        "必须是至少 {least} 字节的 base64，形如 whsec_…。",
    ),
    "ai_webhook.task_taken": (
        "The active webhook {name} does tasks of the type {task_type} already: switch it off first.",
        "任务类型“{task_type}”已由启用中的 Webhook“{name}”处理，请先停用它。",
    ),
    "ai_webhook.unauthorized.title": ("n8n refuses a webhook's credential", "n8n 拒绝了 Webhook 的凭据"),
    "ai_webhook.unauthorized": (
        "n8n does not accept the credential of the webhook {webhook} ({task_type}). It is not called until that is "
        "changed here, or a test of it succeeds.",
        "n8n 不接受 Webhook“{webhook}”（{task_type}）的凭据，已停止调用。请在此修改凭据，或在 n8n 修正后重新测试。",
    ),
    "analysis.unfit": (
        "The workflow's answer is no result, twice: {why}. It said: {detail}",
        "工作流两次给出的回答都不是有效结果：{why}。其回答为：{detail}",
    ),
    "act.beyond_safe": (
        "That is laxer than what is thought safe for {kind}: {per_hour} an hour, {per_day} a day, a pause of {gap_low}"
        " to {gap_high} s, {days_online} days online. Say beyond_safe: true if it is meant.",
        "该设置超出 {kind} 的安全范围：每小时 {per_hour} 次、每天 {per_day} 次、间隔 {gap_low}～{gap_high} 秒、需在线满"
        " {days_online} 天。如确需如此，请设置 beyond_safe: true。",
    ),
    "act.budget_spent": (
        "The account has done {used} of {limit} {kind} within {hours} h; the next is possible at {next_at}.",
        "账号在 {hours} 小时内已执行 {kind} {used} 次（上限 {limit} 次），下次可执行时间为 {next_at}。",
    ),
    "act.busy": (
        "The account is busy with something else; GeWe wants one call at a time.",
        "账号正在执行其他操作；GeWe 要求同一账号一次只进行一个调用。",
    ),
    "act.crashed": (
        "The daemon ended while this was being done: it may have been done. Look at the phone, then settle it.",
        "执行过程中守护进程中断，操作可能已完成。请在手机上核实后再确认结果。",
    ),
    "act.interrupted": (
        "This was cut off while it was being done: it may have been done. Look at the phone, then settle it.",
        "操作在执行过程中被中断，可能已完成。请在手机上核实后再确认结果。",
    ),
    "act.not_found": ("There is no such act.", "操作记录不存在。"),
    "act.not_unknown": (
        "The act is {state}; only an unknown one can be settled.",
        "操作状态为 {state}，只有结果未知的操作才能确认。",
    ),
    "act.settled_done": ("A person found that it was done.", "经人工核实，操作已完成。"),
    "act.settled_not_done": ("A person found that it was not done.", "经人工核实，操作未完成。"),
    "act.too_new": (
        "The account has not been online long enough for {kind}; possible at {next_at}.",
        "账号在线时间不足，暂不能执行 {kind}，最早可于 {next_at} 执行。",
    ),
    "act.too_soon": (
        "It is too soon after the last {kind}; the next is possible at {next_at}.",
        "距离上一次 {kind} 间隔太短，下次可执行时间为 {next_at}。",
    ),
    "act.unrecorded": (
        "{service} did it, but the store could not write that down: do not repeat it.",
        "{service} 已完成操作，但结果未能写入数据库，请勿重复执行。",
    ),
    "auth.account": (
        "This key may not touch that account or what belongs to it.",
        "此密钥无权访问该账号及其内容。",
    ),
    "auth.batch": ("This batch belongs to another key.", "该批次属于其他密钥。"),
    "auth.network": (
        "This key may not be used from this address.",
        "此密钥不允许从当前地址使用。",
    ),
    "auth.other_site": (
        "This came from a page of another site; the console's cookie works only for its own pages.",
        "请求来自其他网站的页面；控制台 Cookie 只对本站页面有效。",
    ),
    "auth.root_came.title": ("Root has used the local API", "root 使用了本地 API"),
    "auth.root_came": (
        "Root has come in through the Unix socket, past the users that the settings name. The audit log says when.",
        "root 通过 Unix 套接字访问了本地 API，未经设置中指定的用户。时间见审计日志。",
    ),
    "auth.scope": (
        "This concerns more than single accounts; the key is limited to some.",
        "此操作涉及全局，而该密钥仅限部分账号。",
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
    "auth.workflow": (
        "This key may only use workflows that answer for its accounts.",
        "此密钥只能使用其账号所用的工作流。",
    ),
    "batch.asks_back": (
        "The workflow asks something back, and in a batch nobody answers.",
        "工作流需要进一步询问，而批次中无人作答。",
    ),
    "batch.crash_suspect": (
        "The daemon ended several times while this was asked, so it is not asked again.",
        "处理该条目时守护进程多次异常退出，不再重试。",
    ),
    "batch.not_found": ("There is no such batch.", "批次不存在。"),
    "batch.over": ("The batch is {state} already.", "批次已处于 {state} 状态。"),
    "campaign.account_away.title": ("A campaign is paused", "群发任务已暂停"),
    "campaign.account_away": (
        "The campaign {name} is paused: its account is not online.",
        "群发任务“{name}”已暂停：账号不在线。",
    ),
    "campaign.braces": (
        "Double braces may only stand around a name, such as {{{{ name }}}}, and only in texts and titles.",
        "双大括号中只能是变量名，例如 {{{{ name }}}}，并且只能用在文本和标题里。",
    ),
    "campaign.duplicate": ("Is there already; everybody is written to once.", "重复的接收人，每人只发送一次。"),
    "campaign.expired": ("The campaign's time was over.", "群发任务已到截止时间。"),
    "campaign.expires_early": ("Must be after the start.", "必须晚于开始时间。"),
    "campaign.failing.title": ("A campaign is paused", "群发任务已暂停"),
    "campaign.failing": (
        "The campaign {name} is paused: too many messages in a row failed.",
        "群发任务“{name}”已暂停：连续多条消息发送失败。",
    ),
    "campaign.gaps": ("Must not be above max_gap_seconds.", "不得大于 max_gap_seconds。"),
    "campaign.held": (
        "A person was answering them until the campaign's time was over.",
        "直到群发任务截止，该会话一直由人工接待。",
    ),
    "campaign.kind": (
        "A campaign cannot quote or forward a received message.",
        "群发任务不能引用或转发收到的消息。",
    ),
    "campaign.missing_variable": (
        "{to} has no value for {variable}.",
        "接收人 {to} 缺少变量 {variable} 的值。",
    ),
    "campaign.nobody": ("Nobody is left to be written to.", "没有可以发送的接收人。"),
    "campaign.not_found": ("There is no such campaign.", "群发任务不存在。"),
    "campaign.not_paused": ("The campaign is {state}, not paused.", "群发任务的状态是 {state}，并未暂停。"),
    "campaign.not_running": (
        "The campaign is {state}: there is nothing to pause.",
        "群发任务的状态是 {state}，无法暂停。",
    ),
    "campaign.over": ("The campaign is over: it is {state}.", "群发任务已经结束，状态是 {state}。"),
    "campaign.paused": ("Somebody paused it.", "已被人工暂停。"),
    "campaign.restricted.title": ("A campaign is paused", "群发任务已暂停"),
    "campaign.restricted": (
        "The campaign {name} is paused: WeChat restricts the account.",
        "群发任务“{name}”已暂停：微信限制了该账号。",
    ),
    "campaign.stopped": ("Somebody stopped the campaign.", "群发任务已被终止。"),
    "campaign.too_long": ("The message to {to} becomes too long.", "发给 {to} 的消息过长。"),
    "campaign.waiting": ("It waits for its next recipient's turn.", "正在等待下一位接收人。"),
    "campaign.zone": (
        "Is no time zone such as Asia/Shanghai.",
        "不是有效的时区，应类似 Asia/Shanghai。",
    ),
    "chat.failed": ("No answer could be made.", "AI 回复生成异常"),
    "chat.incomplete": ("user_id or message is missing.", "缺少 user_id 或 message 参数"),
    "chat.malformed": ("The body is not a JSON object.", "请求数据格式错误"),
    "cli.chat.begun": (
        "You talk with {name} ({provider}) in a test session. /help tells the commands; Ctrl-D ends.",
        "正在与“{name}”（{provider}）对话（测试会话）。输入 /help 查看命令，按 Ctrl-D 结束。",
    ),
    "cli.chat.cleared": (
        "What was said is forgotten; the variables stay.",
        "已清空对话内容，变量保留。",
    ),
    "cli.chat.cost": ("{cost} {currency}", "费用 {cost} {currency}"),
    "cli.chat.failed": ("The workflow gave no answer: {reason}", "工作流没有给出回答：{reason}"),
    "cli.chat.help": (
        "/clear            forget what was said\n"
        "/vars NAME=VALUE  set variables, and show them\n"
        "/nodes            show the nodes, or do not\n"
        "/quit, Ctrl-D     end; Ctrl-C stops an answer\n"
        "//…               a message that begins with a slash",
        "/clear          清空对话内容\n"
        "/vars 名称=值   设置并显示变量\n"
        "/nodes          显示或隐藏节点\n"
        "/quit、Ctrl-D   结束；Ctrl-C 停止当前回答\n"
        "//…             发送以斜杠开头的消息",
    ),
    "cli.chat.leave": ("Ctrl-D ends.", "按 Ctrl-D 结束。"),
    "cli.chat.no_workflow": (
        "There is no workflow {name}. There are: {known}",
        "没有工作流“{name}”。现有工作流：{known}",
    ),
    "cli.chat.nodes_off": ("Nodes are not shown any more.", "不再显示节点。"),
    "cli.chat.nodes_on": ("Nodes are shown.", "将显示节点。"),
    "cli.chat.none": (
        "No answer came: somebody cleared the session meanwhile.",
        "没有收到回答：会话在此期间被清空。",
    ),
    "cli.chat.nothing": ("There is no message: say something.", "消息为空，请输入内容。"),
    "cli.chat.person": ("The workflow asks for a person to go on.", "工作流请求转人工。"),
    "cli.chat.points": ("{points} points", "{points} 积分"),
    "cli.chat.renewed": (
        "The session was over after half an hour of silence: a new one is begun, and what was said is forgotten.",
        "会话因半小时无活动已结束，现已新建会话，之前的内容不再保留。",
    ),
    "cli.chat.restart": ("It begins anew:", "重新回答："),
    "cli.chat.seconds": ("{seconds} s", "{seconds} 秒"),
    "cli.chat.several": (
        "Several workflows could be meant; name one by its id: {known}",
        "符合条件的工作流不止一个，请用 id 指定：{known}",
    ),
    "cli.chat.step": ("  … {name} ({kind})", "  … {name}（{kind}）运行中"),
    "cli.chat.stopped": ("Stopped.", "已停止。"),
    "cli.chat.tokens": ("{input} + {output} tokens", "输入 {input} + 输出 {output} tokens"),
    "cli.chat.unpriced": ("cost not known", "费用未知"),
    "cli.chat.unsaid": ("usage not told", "用量未知"),
    "cli.chat.variable": (
        "{word} is no variable: write NAME=VALUE.",
        "“{word}”不是变量，请写成 名称=值。",
    ),
    "cli.chat.which": ("Which workflow", "选择工作流"),
    "cli.daemon_refused": (
        "The daemon refused: {detail}",
        "守护进程拒绝了请求：{detail}",
    ),
    "cli.gewe.cancelled": (
        "The login of {name} was refused on the phone. Begin again: qiaod gewe login",
        "手机上取消了“{name}”的登录。请重新执行 qiaod gewe login。",
    ),
    "cli.gewe.code": (
        "WeChat wants a security code, which the phone shows. Code",
        "微信要求输入手机上显示的安全验证码，请输入",
    ),
    "cli.gewe.done": ("{name} is logged in ({wxid}).", "“{name}”登录成功（{wxid}）。"),
    "cli.gewe.expired": (
        "Nobody confirmed in time, and the code has expired. Begin again: qiaod gewe login",
        "未在规定时间内确认，二维码已失效。请重新执行 qiaod gewe login。",
    ),
    "cli.gewe.logout_sure": (
        "Log {name} out? It then needs a scan to come back",
        "确定要退出“{name}”的登录吗？再次登录需要扫码",
    ),
    "cli.gewe.no_account": (
        "No account is called {name}. There are: {known}",
        "没有名为“{name}”的账号。现有账号：{known}",
    ),
    "cli.gewe.push": ("Confirm the login on the phone of {name}.", "请在“{name}”的手机上确认登录。"),
    "cli.gewe.scan": (
        "Scan this with WeChat on the phone of {name}:",
        "请用“{name}”的手机微信扫描二维码：",
    ),
    "cli.gewe.scanned": ("Scanned. Confirm on the phone", "已扫码，请在手机上确认"),
    "cli.gewe.several_accounts": (
        "Several accounts are called {name}; name one by its id: {ids}",
        "有多个名为“{name}”的账号，请用 id 指定：{ids}",
    ),
    "cli.gewe.state": ("{name} is {state}.", "“{name}”当前状态：{state}。"),
    "cli.gewe.verify": (
        "WeChat does not know this device: scan this second code as well, with the same phone.",
        "微信不认识该设备，请用同一部手机再扫描下面的二维码。",
    ),
    "cli.gewe.waiting": ("Waiting for the scan", "等待扫码"),
    "cli.no_daemon": (
        "No daemon answers on {path} ({reason}). Start it with `qiaod serve`, or see `systemctl status qiaod`.",
        "{path} 上没有守护进程响应（{reason}）。请用 `qiaod serve` 启动，或查看 `systemctl status qiaod`。",
    ),
    "cli.no_store": (
        "There is no store at {path}. Check state_dir, or start the daemon once so that it makes one.",
        "{path} 处没有数据库。请检查 state_dir，或先启动一次守护进程以创建它。",
    ),
    "completion.conversation": (
        "X-Conversation-Id is to be a name of at most 200 printable characters.",
        "X-Conversation-Id 应为不超过 200 个可打印字符的名称。",
    ),
    "completion.image_base64": (
        "What the data: URL holds is no image in base64.",
        "data: 地址中的内容不是有效的 base64 图片。",
    ),
    "completion.image_kind": (
        "No model reads SVG images: send PNG, JPEG, WebP or GIF.",
        "模型无法识别 SVG 图片：请改用 PNG、JPEG、WebP 或 GIF。",
    ),
    "completion.image_place": ("Only messages of the user may hold images.", "只有 user 消息可以包含图片。"),
    "completion.image_url": (
        "An image is given by an http: or https: URL, or as data:image/…;base64.",
        "图片须以 http:、https: 地址或 data:image/…;base64 的形式给出。",
    ),
    "completion.last": ("The last message is to be the user's.", "最后一条消息必须来自 user。"),
    "completion.many_images": ("There may be at most {most} images.", "最多可包含 {most} 张图片。"),
    "completion.no_model": (
        "The model {model} does not exist, or this key may not ask it.",
        "模型 {model} 不存在，或当前密钥无权使用。",
    ),
    "completion.no_text": ("The message says nothing.", "消息内容为空。"),
    "completion.no_user": (
        "X-Conversation-Id names a stored conversation: say in user whose it is.",
        "X-Conversation-Id 指向已保存的对话：请在 user 中说明属于哪个用户。",
    ),
    "completion.only_plain": (
        "{param} holds for plain models only; {model} is a workflow of {provider}.",
        "{param} 仅适用于普通模型；{model} 是 {provider} 的工作流。",
    ),
    "completion.part": (
        "Parts of type {type} are not understood here; text and image_url are.",
        "不支持 {type} 类型的内容；仅支持 text 和 image_url。",
    ),
    "completion.part_empty": ("The part does not hold what its type says.", "该部分缺少其类型对应的内容。"),
    "completion.shared_name": (
        "Several workflows are named {model}: give the id of one of them as model.",
        "有多个工作流名为 {model}：请在 model 中填写其中一个的 id。",
    ),
    "completion.tools": ("Tools are not understood here.", "不支持工具调用。"),
    "completion.unsupported": ("{param} is not supported here.", "不支持参数 {param}。"),
    "contact.not_found": ("GeWe knows nobody of that id.", "GeWe 中没有该联系人。"),
    "conversation.not_found": (
        "There is no such conversation.",
        "会话不存在。",
    ),
    "conversation.person_wanted.title": ("A person is wanted", "需要人工接待"),
    "conversation.person_wanted": (
        "The workflow {workflow} asks for a person to go on with {who}. The assistant keeps quiet there meanwhile; "
        "take the conversation over, or hand it back.",
        "工作流 {workflow} 请求人工接待 {who}。在此期间助手不再回复；请接管该会话，或将其交还给助手。",
    ),
    "credential.exposed": (
        "Other users can read or change {path}. Give it to the daemon's user alone: chmod 600.",
        "其他用户可以读取或修改 {path}。请改为仅守护进程的用户可访问：chmod 600。",
    ),
    "credential.unreadable": (
        "{path} cannot be read as a secret: {reason}.",
        "无法从 {path} 读取密钥：{reason}。",
    ),
    "cost.too_long": (
        "The time asked for begins after its end, or is longer than {days} days.",
        "查询时段的起点晚于终点，或超过 {days} 天。",
    ),
    "cost.unpriced": (
        "Nobody said what {provider} costs for {model}, and costs.refuse_unpriced is set: add a price.",
        "{provider} 的 {model} 尚未设定价格，而 costs.refuse_unpriced 已开启：请先添加价格。",
    ),
    "do_not_contact.not_found": ("There is nobody of this id on the list.", "名单中没有此条目。"),
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
    "field.not_of_type": ("Does not belong to a message of type {type}.", "类型为 {type} 的消息没有此字段。"),
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
    "http.range": ("The file does not reach that far.", "请求的范围超出文件大小。"),
    "http.too_large": ("The body is too large.", "请求体过大。"),
    "http.too_slow": ("The request did not arrive in time.", "请求未在限定时间内到达。"),
    "health.nothing_set_up": (
        "Nothing of {service} is set up yet.",
        "尚未配置任何 {service} 账号或工作流。",
    ),
    "health.unwell": (
        "Not everything of {service} works; see the parts below.",
        "{service} 有部分不可用，详见下方各项。",
    ),
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
    "friend_request.decided": (
        "The friend request is {state} already.",
        "好友申请已处于 {state} 状态。",
    ),
    "friend_request.not_found": ("There is no such friend request.", "好友申请不存在。"),
    "gewe.check_callback": (
        "Nothing was heard of this account for {detail}: set the webhook anew (POST gewe/webhook), or write to it.",
        "该账号已有 {detail} 没有任何消息：请重新设置回调（POST gewe/webhook），或给它发一条消息试试。",
    ),
    "gewe.check_connect": (
        "GeWe cannot be reached: check base_url, port and firewall. {detail}",
        "无法连接 GeWe：请检查 base_url、端口和防火墙。{detail}",
    ),
    "gewe.check_device": (
        "GeWe does not know this account's device: log the account in with `qiaod gewe login`. {detail}",
        "GeWe 不认识该账号的设备：请用 `qiaod gewe login` 登录该账号。{detail}",
    ),
    "gewe.check_login": (
        "The account is not logged in: reconnect it, or log it in with `qiaod gewe login`. {detail}",
        "该账号未登录：请重连，或用 `qiaod gewe login` 登录。{detail}",
    ),
    "gewe.check_send": (
        "The test message was not sent ({detail}): see it in GET gewe/messages.",
        "测试消息未能发送（{detail}）：请在 GET gewe/messages 中查看。",
    ),
    "gewe.check_text": ("qiaod: the way to WeChat works.", "qiaod：微信通路正常。"),
    "gewe.check_token": (
        "GeWe does not accept the token: copy it anew from GeWe's console into the account. {detail}",
        "GeWe 不接受该 token：请从 GeWe 控制台重新复制到账号中。{detail}",
    ),
    "gewe.already_logged_in": ("The account is logged in at GeWe already.", "该账号已在 GeWe 登录，无需重复登录。"),
    "gewe.bad_members": ("WeChat cannot put these people into a room.", "微信无法将这些成员加入群聊。"),
    "gewe.bad_moments_id": ("That is no id of Moments.", "朋友圈 ID 无效。"),
    "gewe.breaker_open": ("GeWe failed repeatedly and is left alone for a while.", "GeWe 连续失败，暂停调用。"),
    "gewe.broken_answer": ("GeWe's answer makes no sense: {detail}", "GeWe 的响应无法理解：{detail}"),
    "gewe.callback.incomplete": ("The callback has no usable {field}.", "回调缺少有效的 {field}。"),
    "gewe.callback.not_an_object": ("The callback is not a JSON object.", "回调不是 JSON 对象。"),
    "gewe.callback.not_json": ("The callback is not JSON: {reason}", "回调不是 JSON：{reason}"),
    "gewe.callback.too_deep": ("The callback is nested deeper than {most} levels.", "回调的嵌套超过 {most} 层。"),
    "gewe.callback_unreachable": ("GeWe could not reach the callback URL: {detail}", "GeWe 无法访问回调地址：{detail}"),
    "gewe.cannot_forward": ("GeWe cannot forward a message of this kind: {what}", "GeWe 不能转发这类消息：{what}"),
    "gewe.cannot_revoke": (
        "GeWe did not say all that revoking this message takes: {missing}",
        "撤回该消息所需的信息不全，GeWe 未返回：{missing}",
    ),
    "gewe.contacts_slow": (
        "GeWe is still gathering the contacts: ask its cache in some seconds.",
        "GeWe 仍在拉取通讯录，请稍后读取其缓存。",
    ),
    "gewe.device_limit": ("This token has as many devices as GeWe allows.", "该 token 的设备数已达 GeWe 上限。"),
    "gewe.limited": ("GeWe asks to slow down: {detail}", "GeWe 要求放慢发送：{detail}"),
    "gewe.login_code_needed": ("WeChat wants its security code for this login.", "本次登录需要输入微信安全验证码。"),
    "gewe.login_expired": ("The login code has expired.", "登录二维码已过期。"),
    "gewe.media_bad_format": ("WeChat does not take this file: {detail}", "微信不支持该文件：{detail}"),
    "gewe.media_bad_xml": ("GeWe cannot read what the message says of its medium.", "GeWe 无法解析该消息的媒体信息。"),
    "gewe.media_gone": ("The medium is gone for good: {detail}", "媒体文件已失效：{detail}"),
    "gewe.media_store_down": ("The store that holds the medium fails: {detail}", "媒体文件的存储服务出错：{detail}"),
    "gewe.media_too_large": ("The medium is larger than {most_bytes} bytes.", "媒体文件超过 {most_bytes} 字节。"),
    "gewe.media_unfetched": (
        "GeWe could not fetch the file from its URL: {detail}",
        "GeWe 无法下载该地址的文件：{detail}",
    ),
    "gewe.media_unavailable": ("GeWe has no address for this medium.", "GeWe 没有返回该媒体文件的地址。"),
    "gewe.moments_one_kind": (
        "A post has pictures, or a video, or a link, or text alone.",
        "一条朋友圈只能是图片、视频、链接、纯文字中的一种。",
    ),
    "gewe.no_device": (
        "The account has never been logged in at GeWe: it has no device yet.",
        "该账号从未在 GeWe 登录，还没有设备。",
    ),
    "gewe.no_medium": ("A message of this kind holds nothing to download: {kind}", "这类消息没有可下载的媒体：{kind}"),
    "gewe.no_such_user": ("WeChat finds nobody by that.", "微信没有找到该用户。"),
    "gewe.nonsense": ("GeWe answered with something else than was asked.", "GeWe 返回的内容与请求不符。"),
    "gewe.not_supported": (
        "GeWe's product {product} does not have {call}.",
        "GeWe 的 {product} 版本没有 {call} 接口。",
    ),
    "gewe.nothing_to_reconnect": ("The account is connected already.", "账号状态正常，无需重连。"),
    "gewe.offline": ("The WeChat account is not logged in at GeWe: {detail}", "微信账号在 GeWe 上未登录：{detail}"),
    "gewe.refused": ("GeWe refused: {detail}", "GeWe 拒绝了请求：{detail}"),
    "gewe.restricted": ("WeChat restricts this account: {detail}", "微信对该账号作了限制：{detail}"),
    "gewe.too_few_members": (
        "A room takes at least {fewest} people beside the account itself.",
        "建群至少需要 {fewest} 位其他成员。",
    ),
    "gewe.too_late_to_revoke": ("WeChat no longer takes this message back.", "消息已超过微信允许撤回的时间。"),
    "gewe.too_many_contacts": (
        "GeWe describes at most {most} contacts at once.",
        "GeWe 一次最多查询 {most} 个联系人。",
    ),
    "gewe.unauthorized": ("GeWe does not accept the account's token.", "GeWe 不接受该账号的 token。"),
    "gewe.unknown_device": ("GeWe does not know this device (appId).", "GeWe 不认识该设备（appId）。"),
    "gewe.unknown_region": ("The login needs the code of a province.", "登录需要有效的省份代码。"),
    "gewe.upload_incomplete": (
        "GeWe did not take all the media, so nothing was posted.",
        "媒体未能全部上传，因此没有发布。",
    ),
    "gewe.wechat_unreachable": ("GeWe does not get through to WeChat: {detail}", "GeWe 无法连接微信：{detail}"),
    "dialogue.busy": (
        "An earlier message of this conversation is still being answered; try again later.",
        "该对话的上一条消息仍在处理中，请稍后再试。",
    ),
    "dialogue.given_up.title": ("Supabase refuses a conversation", "Supabase 拒绝写入某个对话"),
    "dialogue.given_up": (
        "The conversation {conversation} of the chat API is not taken by Supabase ({reason}). {lines} of its lines are "
        "kept here, and shown. Remove the reason and requeue the dead jobs of the lane dialogue, or delete the "
        "conversation.",
        "聊天接口的对话 {conversation} 无法写入 Supabase（{reason}）。其中 {lines} 条消息已保存在本地，仍可查看。"
        "请排除原因后重新执行 dialogue 队列中已失败的任务，或删除该对话。",
    ),
    "dialogue.not_carried.title": ("Supabase does not take conversations", "对话暂时无法写入 Supabase"),
    "dialogue.not_carried": (
        "Conversations of the chat API do not reach Supabase ({reason}). {lines} lines are kept here and go there as "
        "soon as it takes them.",
        "聊天接口的对话暂时无法写入 Supabase（{reason}）。{lines} 条消息已保存在本地，恢复后会自动补写。",
    ),
    "dialogue.not_yours": (
        "This conversation belongs to another user.",
        "无权访问该对话。",
    ),
    "dialogue.owner_differs.title": ("A conversation was another's", "对话属于其他用户"),
    "dialogue.owner_differs": (
        "While Supabase was away somebody wrote in the conversation {conversation}, which is another user's there. "
        "{lines} lines were not written to it.",
        "Supabase 不可用期间，有人在对话 {conversation} 中发言，而该对话在 Supabase 中属于其他用户。"
        "{lines} 条消息未写入。",
    ),
    "dialogue.store_away": (
        "The store of conversations does not answer now; try again later.",
        "对话存储暂时不可用，请稍后再试。",
    ),
    "demo.stage": (
        "qiaod {url}\nsimulated: WeChat {gewe}   FastGPT {fastgpt}   n8n {n8n}   a model {model}",
        "qiaod {url}\n模拟服务：微信 {gewe}   FastGPT {fastgpt}   n8n {n8n}   大模型 {model}",
    ),
    "demo.pace": (
        "Quicker than usual: {low} to {high} s between two messages (usually {usual_low} to {usual_high}), at most "
        "{per_minute} a minute ({usual_per_minute}), {merge} s for half-sentences to come ({usual_merge}).\n"
        "Times are in UTC. What has one is told as qiaod's API knows it; lines without are what people do.",
        "演示节奏比平时快：消息间隔 {low} 至 {high} 秒（平时 {usual_low} 至 {usual_high} 秒），"
        "每分钟最多 {per_minute} 条（平时 {usual_per_minute} 条），合并等待 {merge} 秒（平时 {usual_merge} 秒）。\n"
        "时间为 UTC。带时间的各行取自 qiaod 的 API，不带时间的是人的动作。",
    ),
    "demo.scene": ("\n{number}. {title}", "\n第 {number} 幕：{title}"),
    "demo.scene.people": (
        "Three people write: a question, half-sentences that belong together, a mention in a group",
        "三个人发来消息：一个问题、分几条说的一句话、群里的一次 @",
    ),
    "demo.scene.services": (
        "Three AI services: FastGPT answers Han, n8n answers Ida, a plain model answers Jin",
        "三种 AI 服务：FastGPT 回答 Han，n8n 回答 Ida，大模型直接回答 Jin",
    ),
    "demo.scene.wanted": (
        "A workflow asks for a person: the assistant keeps quiet, and somebody is told",
        "工作流请求转人工：助手保持沉默，并通知人员",
    ),
    "demo.scene.programs": (
        "Without WeChat: a visitor of a website, and a program made for OpenAI",
        "不经微信：网站访客，以及一个按 OpenAI 接口编写的程序",
    ),
    "demo.scene.trial": (
        "A workflow is tried out: what each node did, and nothing of it counts",
        "测试工作流：查看每个节点的执行情况，不计入任何统计",
    ),
    "demo.scene.webhook": (
        "A webhook of n8n: run once, then from the cache; and targets that nobody may call",
        "n8n Webhook：执行一次，之后取自缓存；以及不允许访问的地址",
    ),
    "demo.scene.picture": ("A picture arrives, with a question to it", "收到一张图片和相关的提问"),
    "demo.scene.friend": (
        "Somebody wants to be a friend: accepted by the account's rule, and greeted",
        "有人申请加好友：按账号规则自动通过并打招呼",
    ),
    "demo.scene.quota": (
        "A quota runs out: one answer a day, and then the configured sentence",
        "配额用尽：每天一次自动回答，之后只发预设的话",
    ),
    "demo.scene.takeover": (
        "A person takes over from the phone; the assistant keeps quiet until it is handed back",
        "人工在手机上接管，助手保持沉默，交还后继续回答",
    ),
    "demo.scene.campaign": (
        "One message to many; who asked to be left alone is left out",
        "群发一条消息，已退订的人不会收到",
    ),
    "demo.scene.batch": ("A batch of questions for the workflow", "向工作流批量提问"),
    "demo.scene.bill": ("What all of it cost", "以上总共花费"),
    "demo.writes": ("              {name} writes: {text}", "              {name} 写道：{text}"),
    "demo.pictures": ("              {name} sends a picture", "              {name} 发来一张图片"),
    "demo.befriends": (
        "              {name} asks to be a friend: {text}",
        "              {name} 申请加好友：{text}",
    ),
    "demo.phones": (
        "              a person of ours writes to {name} from the phone: {text}",
        "              我方人员在手机上给 {name} 写道：{text}",
    ),
    "demo.received": ("{at}  {name} received   {text}", "{at}  {name} 收到   {text}"),
    "demo.fetched": ("{at}  {name} fetched    {type}, {size} bytes", "{at}  {name} 下载   {type}，{size} 字节"),
    "demo.asked": ("{at}  {name} asked      {text}", "{at}  {name} 提问   {text}"),
    "demo.answered": (
        "{at}  {name} answered   {provider}, {seconds} s, {tokens} tokens, {points} points",
        "{at}  {name} 回答   {provider}，{seconds} 秒，{tokens} tokens，{points} 积分",
    ),
    "demo.charged": (
        "{at}  {name} charged    {provider}, {cost} {currency}",
        "{at}  {name} 计费   {provider}，{cost} {currency}",
    ),
    "demo.visitor": ("{at}  website    a visitor: {text}", "{at}  网站   访客：{text}"),
    "demo.visited": ("{at}  website    the answer: {text}", "{at}  网站   回答：{text}"),
    "demo.completed": (
        "{at}  /v1        {model}: {text} ({tokens} tokens)",
        "{at}  /v1    {model} 回答：{text}（{tokens} tokens）",
    ),
    "demo.node": ("{at}  node       {type:<10} {ms:>4} ms  {output}", "{at}  节点   {type:<10} {ms:>4} ms  {output}"),
    "demo.tried": ("{at}  trial      {text} ({ms} ms)", "{at}  测试   {text}（{ms} ms）"),
    "demo.called": (
        "{at}  webhook    {task}: n8n ran, {attempts} call, {ms} ms",
        "{at}  Webhook {task}：n8n 执行，调用 {attempts} 次，{ms} ms",
    ),
    "demo.from_cache": (
        "{at}  webhook    {task}: from the cache, {attempts} calls, {ms} ms",
        "{at}  Webhook {task}：取自缓存，调用 {attempts} 次，{ms} ms",
    ),
    "demo.off_limits": (
        "              refused as a webhook: {url}\n              {why}",
        "              拒绝用作 Webhook：{url}\n              {why}",
    ),
    "demo.unanswered": ("{at}  {name} unanswered {why}", "{at}  {name} 未答   {why}"),
    "demo.sent": ("{at}  {name} sent       {text}", "{at}  {name} 发送   {text}"),
    "demo.unsent": ("{at}  {name} {state}    {text} ({reason})", "{at}  {name} 状态 {state}   {text}（{reason}）"),
    "demo.phoned": ("{at}  {name} by phone   {text}", "{at}  {name} 手机   {text}"),
    "demo.held": (
        "{at}  {name} quiet      a person has taken over: the assistant does not answer this",
        "{at}  {name} 沉默   人工已接管，助手不回答这条消息",
    ),
    "demo.kept": ("{at}  {name} kept       not answered: {reason}", "{at}  {name} 保留   不回答：{reason}"),
    "demo.requested": ("{at}  {name} requested  {text}", "{at}  {name} 申请   {text}"),
    "demo.befriended": ("{at}  {name} accepted   by {by}", "{at}  {name} 通过   {by}"),
    "demo.by_rule": ("the account's rule", "按账号规则"),
    "demo.not_befriended": ("{at}  {name} {state}    {why}", "{at}  {name} 状态 {state}   {why}"),
    "demo.quota": (
        "{at}  {name} quota      {cap} call of the workflow a day",
        "{at}  {name} 配额   每天可调用工作流 {cap} 次",
    ),
    "demo.alert": ("{at}  {name} alert      {title}: {message}", "{at}  {name} 告警   {title}：{message}"),
    "demo.left": (
        "{at}  {name} left       {left} of {cap}, {refused} refused; renews at {renews}",
        "{at}  {name} 剩余   {left} / {cap}，已拒绝 {refused} 次，{renews} 重置",
    ),
    "demo.taken_over": (
        "{at}  {name} taken over: {by}, until {until} unless it is handed back",
        "{at}  {name} 接管   {by}，如不交还则持续到 {until}",
    ),
    "demo.released": (
        "{at}  {name} released   handed back to the assistant by {by}",
        "{at}  {name} 交还   {by} 交还给助手",
    ),
    "demo.left_alone": (
        "{at}  {name} left alone from now on ({reason})",
        "{at}  {name} 退订   加入免打扰名单（{reason}）",
    ),
    "demo.campaign": (
        "{at}  campaign   begun: {count} recipients, {left_out} left out",
        "{at}  群发   开始：{count} 人接收，{left_out} 人除外",
    ),
    "demo.left_out": ("{at}  {name} left out   {reason}", "{at}  {name} 除外   {reason}"),
    "demo.campaign_over": (
        "{at}  campaign   {state}: {sent} sent, {skipped} skipped",
        "{at}  群发   {state}：已发 {sent}，跳过 {skipped}",
    ),
    "demo.batch": ("{at}  batch      {total} questions queued", "{at}  批量   {total} 个问题已排队"),
    "demo.item": ("{at}  answer {number}   {answer}", "{at}  回答 {number}   {answer}"),
    "demo.batch_over": (
        "{at}  batch      {done} of {total} answered, {points} points",
        "{at}  批量   已回答 {done} / {total}，{points} 积分",
    ),
    "demo.cost": (
        "{at}  {provider:<10} {calls} calls, {tokens} tokens, {points} points, {cost} {currency}",
        "{at}  {provider:<10} 调用 {calls} 次，{tokens} tokens，{points} 积分，{cost} {currency}",
    ),
    "demo.await.replies": ("the replies to {names}", "给 {names} 的回复"),
    "demo.await.request": ("the friend request of {name}", "{name} 的好友申请"),
    "demo.await.friend": ("a decision on the friend request of {name}", "{name} 的好友申请处理结果"),
    "demo.await.alert": ("the alert that the quota is used up", "配额用尽的告警"),
    "demo.await.wanted": ("the alert that {name} wants a person", "{name} 需要人工接待的告警"),
    "demo.await.taken": ("the takeover of the conversation with {name}", "与 {name} 的会话转为人工接管"),
    "demo.await.quiet": ("the message of {name} that a person is to answer", "{name} 发来、应由人工回答的消息"),
    "demo.await.left_alone": ("{name} on the list of those left alone", "{name} 进入免打扰名单"),
    "demo.await.campaign": ("the end of the campaign", "群发结束"),
    "demo.await.batch": ("the end of the batch", "批量提问结束"),
    "demo.await.bill": ("the settlement of every call", "全部调用结算完毕"),
    "demo.missing": ("within {seconds} s this did not come: {what}", "{seconds} 秒内没有等到：{what}"),
    "demo.refused": ("{method} {path} did not succeed: {why}", "{method} {path} 未成功：{why}"),
    "demo.allowed": ("{method} {path} was to be refused, and was not", "{method} {path} 本应被拒绝，却成功了"),
    "demo.stuck": ("\nThe demo cannot go on: {why}", "\n演示无法继续：{why}"),
    "demo.complete": (
        "\nAll {replies} messages reached their people exactly once. FastGPT answered {questions} questions, n8n ran "
        "{runs} times, the model completed {completions}: each once.",
        "\n{replies} 条消息全部送达，且各只一次；FastGPT 回答了 {questions} 个问题，n8n 执行 {runs} 次，"
        "大模型回答 {completions} 次，均无重复。",
    ),
    "demo.failed": (
        "\nNot everything came about exactly once.",
        "\n并非每件事都恰好发生一次。",
    ),
    "demo.wrong.texts": ("{name} has {got}, due was {due}", "{name} 实际收到 {got}，应收到 {due}"),
    "demo.wrong.friends": (
        "{name} was asked to accept {got} friend requests, due was {due}, and they are not those due",
        "{name} 收到 {got} 次通过好友的请求，应为 {due} 次，且结果不符",
    ),
    "demo.wrong.questions": (
        "{name} was asked {got} questions, due was {due}",
        "{name} 被提问 {got} 次，应为 {due} 次",
    ),
    "demo.try": (
        "\nThe API is at {url}, its pages at {url}/docs. Try:\n"
        "  KEY={key}\n"
        '  curl -H "Authorization: Bearer $KEY" {url}/api/v1/integrations/conversations\n'
        '  curl -H "Authorization: Bearer $KEY" "{url}/api/v1/costs/summary?group_by=contact"\n'
        "  STATE_DIRECTORY={folder} {command} costs --by contact\n"
        "  STATE_DIRECTORY={folder} {command} chat Demo\n"
        '  curl {url}/v1/chat/completions -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" '
        '-d \'{{"model": "Demo model", "messages": [{{"role": "user", "content": "hello"}}], "stream": true}}\'\n'
        '  curl {url}/api/chat/visitor-1 -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" '
        '-d \'{{"user_id": "me", "message": "hello", "workflow_id": "{workflow}"}}\'\n'
        '  curl {url}/api/ai/webhook/ -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" '
        '-d \'{{"task_type": "ragAI", "chatInput": "hello", "sessionId": "s1"}}\'\n'
        "Have a contact write, and watch:\n"
        '  curl -d \'{{"app_id":"wx_demoAppId000000000001","wxid":"wxid_new","text":"hello"}}\' '
        "{gewe}/_sim/wechat/person",
        "\nAPI 地址：{url}，文档：{url}/docs。试试：\n"
        "  KEY={key}\n"
        '  curl -H "Authorization: Bearer $KEY" {url}/api/v1/integrations/conversations\n'
        '  curl -H "Authorization: Bearer $KEY" "{url}/api/v1/costs/summary?group_by=contact"\n'
        "  STATE_DIRECTORY={folder} {command} costs --by contact\n"
        "  STATE_DIRECTORY={folder} {command} chat Demo\n"
        '  curl {url}/v1/chat/completions -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" '
        '-d \'{{"model": "Demo model", "messages": [{{"role": "user", "content": "hello"}}], "stream": true}}\'\n'
        '  curl {url}/api/chat/visitor-1 -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" '
        '-d \'{{"user_id": "me", "message": "hello", "workflow_id": "{workflow}"}}\'\n'
        '  curl {url}/api/ai/webhook/ -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" '
        '-d \'{{"task_type": "ragAI", "chatInput": "hello", "sessionId": "s1"}}\'\n'
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
    "key.bad_network": (
        "Networks are addresses or ranges like 192.0.2.0/24, with no bits set behind the prefix.",
        "网络须为地址或 192.0.2.0/24 形式的网段，且主机位必须为零。",
    ),
    "key.last_admin": (
        "This is the last admin key of everything that never expires; make another first.",
        "这是最后一个不限账号且永不过期的管理员密钥，请先新建一个。",
    ),
    "key.no_account": ("There is no account with the id {id}.", "不存在 ID 为 {id} 的账号。"),
    "key.not_found": ("There is no such key.", "密钥不存在。"),
    "key.void": ("The key is revoked or expired; make a new one.", "密钥已吊销或过期，请新建。"),
    "listen.in_use": ("Somebody is listening on {address} already.", "{address} 已被占用。"),
    "n8n.api_key": (
        "n8n does not accept the key of its API: make a new one under Settings > n8n API. {detail}",
        "n8n 不接受该 API 密钥：请在 n8n 的“设置 > n8n API”中新建一个。{detail}",
    ),
    "n8n.api_not_found": ("n8n's API knows nothing of this: {detail}", "n8n 的 API 中没有该对象：{detail}"),
    "n8n.bad_passphrase": (
        "The passphrase cannot sign a token: it is empty, or a public key.",
        "该口令无法用于签发令牌：它为空，或者是一个公钥。",
    ),
    "n8n.bad_request": ("n8n does not take the request: {detail}", "n8n 不接受该请求：{detail}"),
    "n8n.bad_signing_key": (
        "A signing key is none: it has to be whsec_ and then base64.",
        "签名密钥格式不正确：应为 whsec_ 加上 base64 内容。",
    ),
    "n8n.check_accepted": (
        "The webhook answers at once, before anything has run: let it respond when the last node finishes, or by a "
        "Respond to Webhook node.",
        "该 Webhook 在运行之前就立即响应，得不到结果：请把 Respond 改为“最后一个节点完成时”，或使用 Respond to Webhook "
        "节点。",
    ),
    "n8n.check_active": (
        "The workflow is not published: publish it in n8n, for its address answers only then.",
        "该工作流尚未发布：请在 n8n 中发布（激活），之后地址才会响应。",
    ),
    "n8n.check_api": (
        "n8n's API does not answer: check its address in the webhook's settings. {detail}",
        "n8n 的 API 没有响应：请检查 Webhook 配置中的 API 地址。{detail}",
    ),
    "n8n.check_connect": (
        "Nobody answers at this address: check the URL, port and firewall, and targets.allow in the settings. {detail}",
        "该地址没有响应：请检查 URL、端口、防火墙，以及配置项 targets.allow。{detail}",
    ),
    "n8n.check_key": (
        "n8n does not accept the key of its API: make a new one under Settings > n8n API. {detail}",
        "n8n 不接受该 API 密钥：请在 n8n 的“设置 > n8n API”中新建一个。{detail}",
    ),
    "n8n.check_no_readiness": (
        "Whether n8n is ready cannot be told: /healthz/readiness does not answer as n8n does. {detail}",
        "无法判断 n8n 是否就绪：/healthz/readiness 的响应不是 n8n 的。{detail}",
    ),
    "n8n.check_no_text": (
        "It answered, and no text was found in the answer: name its place with output in the webhook's settings.",
        "已得到响应，但其中没有找到文本：请在 Webhook 配置的 output 中指明文本所在的位置。",
    ),
    "n8n.check_no_webhook": ("The workflow names no webhook.", "该工作流没有指定 Webhook。"),
    "n8n.check_not_ready": (
        "n8n runs, and is not ready yet: it is starting, or has lost its database.",
        "n8n 正在运行但尚未就绪：可能正在启动，或与数据库断开了连接。",
    ),
    "n8n.check_path": (
        "No trigger of the workflow has this address and method. It has: {detail}",
        "该工作流的触发器中没有此地址和请求方法。现有的是：{detail}",
    ),
    "n8n.check_run": ("A real call was not answered: {detail}", "实际调用没有得到响应：{detail}"),
    "n8n.check_test_url": (
        "This is the test address, which takes one call after a click in the editor: use the production URL.",
        "这是测试地址，只在编辑器中点击后接受一次调用：请使用生产 URL（Production URL）。",
    ),
    "n8n.check_workflow": (
        "n8n has no workflow {detail}, or the key may not see it: copy the id from its address in n8n.",
        "n8n 中没有工作流 {detail}，或此密钥无权查看：请从 n8n 中该工作流的地址栏复制 ID。",
    ),
    "n8n.empty": (
        "n8n answered nothing: the workflow failed, never reached its respond node, or is set to answer no data. "
        "{detail}",
        "n8n 的响应为空：工作流失败、没有执行到响应节点，或被设置为不返回数据。{detail}",
    ),
    "n8n.failed": ("The n8n workflow failed: {detail}", "n8n 工作流运行失败：{detail}"),
    "n8n.filtered": (
        "The webhook filtered the call out, and nothing ran: look at its options.",
        "该调用被 Webhook 的过滤条件拦下，没有运行：请检查其选项。",
    ),
    "n8n.goes_on": (
        "The chat goes on elsewhere: set the Chat Trigger's response mode to the last node, or to streaming.",
        "该聊天会在别处继续：请把 Chat Trigger 的响应模式改为最后一个节点或流式输出。",
    ),
    "n8n.limited": ("n8n takes no more calls for now. {detail}", "n8n 暂时不再接受调用（限流）。{detail}"),
    "n8n.misbuilt": (
        "The workflow cannot answer as it is built: {detail}",
        "该工作流的设置使它无法响应：{detail}",
    ),
    "n8n.no_items": (
        "The workflow ran, and its last node gave nothing: {detail}",
        "工作流已运行，但最后一个节点没有输出：{detail}",
    ),
    "n8n.no_output": (
        "The answer has nothing at {path}, where the webhook's settings say its text is.",
        "响应中没有 {path}，而 Webhook 配置指定文本在该处。",
    ),
    "n8n.no_text": (
        "The workflow answered without a text: name its place with output in the webhook's settings, or let it answer "
        "when it is done and not at once.",
        "工作流的响应中没有文本：请在 Webhook 配置的 output 中指明其位置；若为立即响应，请改为运行结束后再响应。",
    ),
    "n8n.not_an_answer": (
        "No answer came, but a web page, or what says that it is JSON and is none. {detail}",
        "得到的不是工作流的响应，而是网页或损坏的 JSON。{detail}",
    ),
    "n8n.not_registered": (
        "n8n has no webhook at this address: the workflow is not published, or its path or method is another. {detail}",
        "n8n 在该地址没有 Webhook：工作流尚未发布，或路径、请求方法不同。{detail}",
    ),
    "n8n.not_supported": ("n8n has no {what} to be asked for.", "n8n 不支持该操作：{what}。"),
    "n8n.parked": (
        "The workflow waits for something and will go on later; it answers no more. {detail}",
        "该工作流正在等待，稍后继续，不会再返回结果。{detail}",
    ),
    "n8n.starting": (
        "n8n is just starting. If it stays so, the address is no webhook's. {detail}",
        "n8n 正在启动。若持续如此，则该地址不是 Webhook 的地址。{detail}",
    ),
    "n8n.still_running": (
        "The run goes on in n8n: its answer is waited for.",
        "n8n 中的运行尚未结束，正在等待其结果。",
    ),
    "n8n.status": ("The workflow answered with an error: {detail}", "工作流返回了错误状态：{detail}"),
    "n8n.too_big": (
        "The call is too large for n8n. {detail}",
        "该调用对 n8n 来说过大。{detail}",
    ),
    "n8n.unauthorized": (
        "n8n does not accept the webhook's credential. {detail}",
        "n8n 不接受该 Webhook 的凭据。{detail}",
    ),
    "n8n.unavailable": ("n8n cannot answer now: {detail}", "n8n 目前无法响应：{detail}"),
    "n8n.wrong_address": (
        "There is no webhook of n8n's at this address. {detail}",
        "该地址不是 n8n 的 Webhook。{detail}",
    ),
    "n8n_connection": ("n8n cannot be reached: {reason}", "无法连接 n8n：{reason}"),
    "n8n_response": ("n8n gave no answer: {reason}", "n8n 没有给出有效响应：{reason}"),
    "n8n_timeout": ("n8n did not answer in time: {reason}", "n8n 未在限定时间内响应：{reason}"),
    "openai.bad_request": (
        "The model's service does not accept the request: {detail}",
        "模型服务不接受该请求：{detail}",
    ),
    "openai.check_connect": (
        "No OpenAI-compatible service answers at this address: check base_url, port and firewall. {detail}",
        "该地址没有 OpenAI 兼容服务响应：请检查 base_url、端口和防火墙。{detail}",
    ),
    "openai.check_key": (
        "The service does not accept this key: make a new one in its console. {detail}",
        "服务不接受此密钥：请在其控制台新建密钥。{detail}",
    ),
    "openai.check_model": (
        "The service does not list the model {detail}, or not for this key.",
        "服务的模型列表中没有 {detail}，或此密钥无权使用。",
    ),
    "openai.check_run": ("A real question was not answered: {detail}", "实际提问未得到回答：{detail}"),
    "openai.cut": ("The answer of the model broke off.", "模型的回答中断。"),
    "openai.cut_short": (
        "The model used up its tokens before it had answered: raise max_tokens or max_completion_tokens in the "
        "workflow's variables, or have it think less.",
        "模型在给出回答之前已用完 token：请在工作流变量中调大 max_tokens 或 max_completion_tokens，或减少其思考。",
    ),
    "openai.empty": ("The model answered nothing. {detail}", "模型的回答为空。{detail}"),
    "openai.filtered": (
        "The model's service held the answer back by its content policy. {detail}",
        "模型服务因内容安全策略拦截了回答。{detail}",
    ),
    "openai.forbidden": (
        "The model's service does not allow this with the key of the workflow: {detail}",
        "该工作流的密钥在模型服务中无权执行此操作：{detail}",
    ),
    "openai.limited": ("The model's service takes no more requests for now: {detail}", "模型服务暂时限流：{detail}"),
    "openai.no_credit": (
        "The account at the model's service has no credit left: {detail}",
        "模型服务的账户余额或额度已用完：{detail}",
    ),
    "openai.no_model": (
        "The service has no such model, or not for this key: check the workflow's model. {detail}",
        "模型服务中没有该模型，或该密钥无权使用，请检查工作流的 model。{detail}",
    ),
    "openai.not_an_answer": (
        "What came back is not an answer of an OpenAI-compatible service: check the workflow's base_url. {detail}",
        "返回的内容不是 OpenAI 兼容服务的回答，请检查工作流的 base_url。{detail}",
    ),
    "openai.not_supported": (
        "A plain model keeps no chats: there is nothing to look through, to forget or to rate.",
        "普通模型不保存会话，因此没有可供查看、删除或评价的内容。",
    ),
    "openai.too_long": (
        "The question and its history are longer than the model takes: {detail}",
        "问题及历史超出了模型可接受的长度：{detail}",
    ),
    "openai.unauthorized": (
        "The model's service does not accept the key of the workflow: {detail}",
        "模型服务不接受该工作流的密钥：{detail}",
    ),
    "openai.unavailable": (
        "The model's service cannot answer now: {detail}",
        "模型服务目前无法回答：{detail}",
    ),
    "openai.wrong_address": (
        "There is no OpenAI-compatible API at this address: check the workflow's base_url. {detail}",
        "该地址没有 OpenAI 兼容接口，请检查工作流的 base_url。{detail}",
    ),
    "pause.at_least": ("It must be at least {least}.", "不能小于 {least}。"),
    "pause.at_most": ("It must be at most {most}.", "不能大于 {most}。"),
    "pause.cancelled": ("All right, never mind. What else can I do for you?", "好的，已取消。还有什么可以帮您？"),
    "pause.choice": (
        "That is none of the options; please answer with a number from 1 to {most}.",
        "没有这个选项，请回复 1 到 {most} 的数字。",
    ),
    "pause.choices": (
        "Please answer with numbers from 1 to {most}, such as: 1, 2.",
        "请回复 1 到 {most} 的数字，可多选，例如：1、2。",
    ),
    "pause.file": ("Please send a link to the file.", "请发送文件的链接。"),
    "pause.given_up": (
        "I could not make sense of the answers, so let us leave it. Ask again whenever you like.",
        "多次未能识别您的回答，本次先到这里。需要时请重新提问。",
    ),
    "pause.longer": ("Please write at least {least} characters.", "请至少输入 {least} 个字。"),
    "pause.number": ("Please answer with a number.", "请回复一个数字。"),
    "pause.say_several": ("(Several are possible, such as: 1, 2.)", "（可多选，例如：1、2）"),
    "pause.say_skip": ("(Optional: answer “skip” to leave it out.)", "（选填，回复“跳过”可不填）"),
    "pause.say_yes_or_no": ("(yes or no)", "（是 / 否）"),
    "pause.shorter": ("Please write at most {most} characters.", "请不要超过 {most} 个字。"),
    "pause.something": ("Please write something.", "请输入内容。"),
    "pause.yes_or_no": ("Please answer yes or no.", "请回复“是”或“否”。"),
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
    "media.cancelled": ("Somebody cancelled the job that was to fetch it.", "抓取任务已被取消。"),
    "media.disk": ("The folder of received media cannot be written; it is tried again.", "无法写入媒体目录，将重试。"),
    "media.disk_full": ("The disk is full; it is tried again.", "磁盘已满，将重试。"),
    "media.file_gone": ("The file was here and is gone, or was cut short.", "本地文件已丢失或不完整。"),
    "media.message_gone": ("The message that brought it is not kept any more.", "对应的消息已不再保留。"),
    "media.not_found": (
        "There is no message of this id that brought a picture, voice, video or file.",
        "该消息不存在，或不含图片、语音、视频、文件。",
    ),
    "media.not_here": (
        "The file is not here: {state}. It can be fetched with POST …/fetch.",
        "文件不在本地（{state}），可通过 POST …/fetch 重新抓取。",
    ),
    "media.pace": ("It waits for its turn: downloads keep a safe pace.", "正在排队：下载按安全节奏进行。"),
    "media.too_late": ("It could not be fetched within a day.", "一天之内未能抓取成功。"),
    "media.too_many": ("Too many media of this account are waiting already.", "该账号等待抓取的媒体过多。"),
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
    "remote.redirected": (
        "{service} sent the call on to {host}. Redirects are not followed: give the address it leads to.",
        "{service} 把请求重定向到了 {host}。系统不跟随重定向，请直接填写最终地址。",
    ),
    "remote.timeout": ("{service} did not answer in time.", "{service} 未在限定时间内响应。"),
    "remote.too_large": (
        "The answer of {service} is longer than {most_bytes} bytes.",
        "{service} 的响应超过 {most_bytes} 字节。",
    ),
    "notification.not_found": ("There is no such notification.", "通知不存在。"),
    "secrets.key_file_differs": (
        "The key file holds another master key than the one in use. Restart first, so that it is taken up.",
        "密钥文件中的主密钥与正在使用的不一致。请先重启，使其生效。",
    ),
    "secrets.key_not_kept": (
        "The new master key could not be written to the key file: {reason}. The one before stays in use.",
        "无法将新主密钥写入密钥文件：{reason}。仍使用原来的主密钥。",
    ),
    "secrets.key_not_ours": (
        "The master key comes from {source}, so its owner replaces it: put the new key there and the old one beside it "
        "(credential master-key-old, or QIAOD_MASTER_KEY_OLD), and restart; everything is then sealed anew.",
        "主密钥来自 {source}，须由其所有者更换：请放入新密钥，并将旧密钥放在旁边"
        "（凭据 master-key-old 或 QIAOD_MASTER_KEY_OLD），然后重启；之后会自动重新加密。",
    ),
    "secrets.rotating": (
        "An earlier rotation is still sealing values anew; wait until it is done.",
        "上一次轮换仍在重新加密，请等待完成。",
    ),
    "session.ended": (
        "The session has ended: half an hour passed without a call, or its key was changed. Log in again.",
        "会话已结束：超过半小时未操作，或密钥已变更。请重新登录。",
    ),
    "send.cancelled": ("Somebody cancelled it before it went.", "发送前已被取消。"),
    "send.crashed": (
        "The daemon ended while this was being sent: it may have arrived. Look at the phone, then settle it.",
        "发送途中守护进程意外结束，消息可能已送达。请查看手机后确认。",
    ),
    "send.do_not_contact": (
        "{peer} is to be left alone; take them off the list first.",
        "{peer} 在免打扰名单中，请先将其移出名单。",
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
    "send.not_sent": ("It is {state}, not sent.", "消息的状态是 {state}，并未发送。"),
    "send.nothing_to_forward": (
        "There is no received image, video, file, link or mini program of the account with this id.",
        "该账号没有收到过此 ID 的图片、视频、文件、链接或小程序。",
    ),
    "send.no_cover": ("Only a mini program has a cover.", "只有小程序才有封面。"),
    "send.nothing_to_quote": (
        "There is no received message with this id in the conversation.",
        "此会话中没有该 ID 的消息。",
    ),
    "send.overtaken": ("A person took over before it went.", "发送前已由人工接管。"),
    "send.pace": ("It waits for its turn: the account keeps its pace.", "正在排队：账号按限定节奏发送。"),
    "send.repeated": ("It was sent once more, as another message.", "已作为另一条消息重新发送。"),
    "send.revoke_begun": (
        "Taking it back was tried already; it is not tried twice.",
        "已经尝试过撤回，不会重复尝试。",
    ),
    "send.revoke_ids": (
        "GeWe did not say all that taking it back needs.",
        "GeWe 未返回撤回所需的全部信息。",
    ),
    "send.revoke_late": ("It was sent more than two minutes ago.", "发送已超过两分钟，无法撤回。"),
    "send.revoke_unknown": (
        "It may have been taken back, or not: the answer was lost.",
        "撤回结果未知：响应已丢失。",
    ),
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
    "price.in_force": (
        "This price holds already; add a newer one instead of removing it.",
        "该价格已经生效，不能删除；请添加新的价格。",
    ),
    "price.not_found": ("There is no such price.", "价格不存在。"),
    "price.taken": (
        "There is a price for it already from {valid_from} on.",
        "自 {valid_from} 起已有对应的价格。",
    ),
    "price.unknown.title": ("A price is missing", "缺少价格"),
    "price.unknown": (
        "Nobody said what {provider} costs for {model}: its calls are missing in the sums of money.",
        "{provider} 的 {model} 尚未设定价格，费用汇总中不含这些调用。",
    ),
    "quota.exceeded": (
        "The quota {name} ({scope}) has too little left: {left} {measure}. It renews at {renews_at}.",
        "配额“{name}”（{scope}）余量不足：剩余 {left}（{measure}），将于 {renews_at} 重置。",
    ),
    "quota.not_found": ("There is no such quota.", "配额不存在。"),
    "quota.threshold.title": ("A quota runs out", "配额即将用尽"),
    "quota.threshold": (
        "{percent} % of the quota {name} ({scope}) is used; {left} {measure} left until {renews_at}.",
        "配额“{name}”（{scope}）已用 {percent}%，在 {renews_at} 之前剩余 {left}（{measure}）。",
    ),
    "quota.too_many": ("There are {most} quotas already, and no more are kept.", "配额已达上限 {most} 条。"),
    "quota.used_up.title": ("A quota is used up", "配额已用尽"),
    "quota.used_up": (
        "The quota {name} ({scope}) is used up: {left} {measure} left until {renews_at}.",
        "配额“{name}”（{scope}）已用尽，在 {renews_at} 之前剩余 {left}（{measure}）。",
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
    "settings.no_supabase_url": (
        "chat.store is supabase: the address of the project is needed.",
        "chat.store 为 supabase 时，必须填写项目地址。",
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
    "settings.want_clock": (
        "{value} is no time of the day such as 22:00.",
        "{value} 不是有效的时刻，应类似 22:00。",
    ),
    "settings.want_currency": (
        "{value} is no currency: three capital letters are wanted, like CNY.",
        "{value} 不是货币代码，应为三个大写字母，例如 CNY。",
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
    "settings.want_origin": (
        "{value} is no origin. Write https://shop.example.org, in lower case and without a path, or *.",
        "{value} 不是来源。请写成 https://shop.example.org（小写、不带路径），或 *。",
    ),
    "settings.want_section": (
        "This is a section: write [{section}] on a line of its own, and its keys below.",
        "这是一个段：请单独一行写 [{section}]，其下写各键。",
    ),
    "settings.want_server": (
        "{value} is no address of a server. Write 10.0.0.2, 10.0.0.2:53 or [fd00::2]:53.",
        "{value} 不是服务器地址。请写成 10.0.0.2、10.0.0.2:53 或 [fd00::2]:53。",
    ),
    "settings.want_table": (
        '{value} is no table of texts. Write it as {{ name = "text" }}.',
        '{value} 不是文本表。请写成 {{ name = "text" }}。',
    ),
    "settings.want_target": (
        "{value} is no target. Write host:port or network:port, such as n8n.lan:5678, 10.0.0.0/8:5678 or 127.0.0.1:*.",
        "{value} 不是有效的目标。请写成 主机:端口 或 网段:端口，例如 n8n.lan:5678、10.0.0.0/8:5678 或 127.0.0.1:*。",
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
    "settings.want_word": ("A word is needed, not {value}.", "必须是一个词，而不是 {value}。"),
    "settings.want_zone": (
        "{value} is no time zone such as Asia/Shanghai.",
        "{value} 不是有效的时区，应类似 Asia/Shanghai。",
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
    "store.in_use": (
        "A daemon has {path} open. Leave the file out, and the daemon is asked; or stop it first.",
        "守护进程正在使用 {path}。请不要指定文件，直接询问守护进程；或先停止守护进程。",
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
    "supabase.limited": ("Supabase limits our calls: {detail}", "Supabase 限制了调用频率：{detail}"),
    "supabase.no_key": (
        "chat.store is supabase, and there is no service key: see chat.supabase_key_file.",
        "chat.store 为 supabase，但没有 service key：参见 chat.supabase_key_file。",
    ),
    "supabase.no_table": (
        "Supabase has not the tables of docs/supabase.sql: {detail}",
        "Supabase 中没有 docs/supabase.sql 所建的表：{detail}",
    ),
    "supabase.not_an_answer": (
        "What answered is not Supabase's data API: {detail}",
        "返回的内容不是 Supabase 数据接口的响应：{detail}",
    ),
    "supabase.refused": ("Supabase refused: {detail}", "Supabase 拒绝了请求：{detail}"),
    "supabase.unauthorized": (
        "Supabase does not take the service key: {detail}",
        "Supabase 不接受该 service key：{detail}",
    ),
    "supabase.unavailable": ("Supabase is not available: {detail}", "Supabase 暂时不可用：{detail}"),
    "targets.host": (
        "{host} is no host. Write a name such as n8n.example.com, or an address as 192.0.2.1 or [2001:db8::1].",
        "{host} 不是有效的主机。请写域名（例如 n8n.example.com），或完整的地址，例如 192.0.2.1、[2001:db8::1]。",
    ),
    "targets.long": ("A URL has at most {most} characters.", "URL 最多 {most} 个字符。"),
    "targets.never": (
        "{entry} may not be called: it leads to this machine's own link, to a group, or to the metadata of its cloud.",
        "不允许访问 {entry}：它指向本机链路、组播地址或云平台的元数据服务。",
    ),
    "targets.no_url": (
        "This is no whole URL, such as https://n8n.example.com/webhook/chat.",
        "这不是完整的 URL，应类似 https://n8n.example.com/webhook/chat。",
    ),
    "targets.not_ascii": (
        "The URL holds a character that is not ASCII. Write a host in its xn-- form, and the rest percent-encoded.",
        "URL 中含有非 ASCII 字符。域名请写成 xn-- 形式，其余部分请用百分号编码。",
    ),
    "targets.plain": (
        '{entry} may be called with https alone. For plain http list "{entry}" in the settings, in targets.allow.',
        '{entry} 只能用 https 访问。如需使用明文 http，请在配置的 targets.allow 中加入 "{entry}"。',
    ),
    "targets.port": (
        '{entry} may not be called: its port is neither 443 nor 80. Where it is meant, list "{entry}" in the settings, '
        "in targets.allow.",
        '不允许访问 {entry}：端口既不是 443 也不是 80。如确需访问，请在配置的 targets.allow 中加入 "{entry}"。',
    ),
    "targets.private": (
        '{entry} may not be called: it is not on the open internet. Where it is meant, list "{entry}" in the settings, '
        "in targets.allow.",
        '不允许访问 {entry}：它不在公网上。如确需访问，请在配置的 targets.allow 中加入 "{entry}"。',
    ),
    "targets.scheme": ("Only http and https URLs can be called.", "只能访问 http 或 https 的 URL。"),
    "targets.user": (
        "A URL holds no user name and no password: set them beside it.",
        "URL 中不能包含用户名或密码，请在对应的字段中填写。",
    ),
    "turn.degraded.title": ("A workflow does not answer by itself", "工作流未能正常回答"),
    "turn.degraded": (
        "The workflow {workflow} did not answer a question itself: {reason}.",
        "工作流 {workflow} 未能亲自回答问题：{reason}。",
    ),
    "turn.media": ("It waits for the pictures and files that came with it.", "正在等待随消息发来的图片和文件。"),
    "turn.no_record": (
        "The service keeps no answer of this turn that could be rated.",
        "服务端没有可评价的本轮回答。",
    ),
    "turn.not_found": ("There is no such turn.", "该轮问答不存在。"),
    "turn.not_repeated": (
        "{service} was asked before and may have run: nobody heard the end of it, so it is not asked again.",
        "{service} 此前已收到该请求，可能已经执行，但没有得到结果，因此不再重复请求。",
    ),
    "turn.over": ("The turn is {state}: there is nothing to stop.", "该轮问答已处于 {state} 状态，无需停止。"),
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
    "vault.unreadable.title": ("A stored secret cannot be read", "有已保存的密钥无法读取"),
    "vault.unreadable": (
        "The secret at {place} cannot be opened: it was changed, or sealed with a master key that was not given. Give "
        "the older key, or set the secret anew.",
        "{place} 处的密钥无法解密：数据已被改动，或由未提供的主密钥加密。请提供旧主密钥，或重新填写该密钥。",
    ),
    "vault.wrong_key": (
        "The secrets here were sealed with the master key {wanted}; the one given is {given}. Give the right one.",
        "此处的密钥由主密钥 {wanted} 加密；当前提供的是 {given}。请提供正确的主密钥。",
    ),
    "webhook.loopback": (
        "{host} means GeWe's own machine to GeWe: it can never reach us there. Give an address that GeWe can "
        "reach: the public name of this machine or of the proxy before it, or, for a GeWe in a container beside "
        "us, the address of the host as the container sees it.",
        "{host} 对 GeWe 来说是它自己的机器，不可能访问到本服务。请填写 GeWe 能访问的地址："
        "本机或前置代理的公网域名；如果 GeWe 运行在同一台机器的容器里，请填写容器中可访问的宿主机地址。",
    ),
    "webhook.no_host": ("{url} names no host.", "{url} 中没有主机名。"),
    "webhook.no_public_url": (
        "Nobody has said where GeWe reaches this daemon: set public_url in [http], or give `url`.",
        "尚未配置 GeWe 访问本服务的地址：请在 [http] 中设置 public_url，或在请求中提供 url。",
    ),
    "webhook.set": (
        "GeWe delivers here: its test packet has come.",
        "设置成功：已收到 GeWe 的测试请求，回调将推送到此地址。",
    ),
    "webhook.silent": (
        "GeWe took the address, but nothing came to {host} within {seconds} s. Look whether {host} is this machine "
        "or a proxy that passes /api/v1/integrations/gewe/webhook/callback/ on to it with the path unchanged, "
        "whether a firewall, a login page or a WAF is in the way, and whether the certificate is valid. The "
        "address before is honoured as well until another is set.",
        "GeWe 已接受该地址，但 {seconds} 秒内没有请求到达 {host}。请检查：{host} 是否指向本机，或前置代理是否把 "
        "/api/v1/integrations/gewe/webhook/callback/ 原样转发到本服务；防火墙、登录页或 WAF 是否拦截；"
        "证书是否有效。在设置新的地址之前，原回调地址仍然有效。",
    ),
    "webhook.unreachable": (
        "GeWe tried {host} and got no answer in time, so it kept the address it had. Look whether the name "
        "resolves on the Internet, whether the port is open, whether the certificate is valid, and whether the "
        "proxy passes the path on unchanged.",
        "GeWe 访问 {host} 时没有及时得到响应，仍保留原来的回调地址。请检查：域名能否在公网解析，端口是否开放，"
        "证书是否有效，代理是否原样转发路径。",
    ),
    "workflow.check_app": (
        "FastGPT does not know this app, or the key may not use it: copy app_id from its address in FastGPT. {detail}",
        "FastGPT 找不到该应用，或此密钥无权使用：请从 FastGPT 中该应用的地址栏复制 app_id。{detail}",
    ),
    "workflow.name_one": (
        "There are {count} workflows: say which by workflow_id. The chat API has a usual one where the settings "
        "name it in chat.workflow.",
        "当前共有 {count} 个工作流，请用 workflow_id 指明一个；聊天 API 也可在设置 chat.workflow 中指定默认的。",
    ),
    "workflow.check_connect": (
        "Nobody speaks FastGPT at this address: check base_url, port and firewall. {detail}",
        "该地址上没有 FastGPT 服务：请检查 base_url、端口和防火墙。{detail}",
    ),
    "workflow.check_key": (
        "FastGPT does not accept this key: make a new one under the app's API access. {detail}",
        "FastGPT 不接受此密钥：请在应用的“发布渠道 > API 访问”中新建密钥。{detail}",
    ),
    "workflow.check_published": (
        "The app is not published, or in an old format: publish it again in FastGPT. {detail}",
        "应用尚未发布或版本过旧：请在 FastGPT 中重新发布。{detail}",
    ),
    "workflow.check_resolve": (
        "The name {detail} cannot be resolved: check base_url and this machine's DNS.",
        "无法解析主机名 {detail}：请检查 base_url 和本机 DNS。",
    ),
    "workflow.check_run": (
        "A real question was not answered: {detail}",
        "实际提问未得到回答：{detail}",
    ),
    "workflow.in_use": (
        "The workflow is used by {users}; change that first.",
        "工作流正被 {users} 使用，请先修改。",
    ),
    "workflow.no_app_id": (
        "This needs the workflow's app_id.",
        "此操作需要工作流的 app_id。",
    ),
    "workflow.not_found": (
        "There is no such workflow.",
        "工作流不存在。",
    ),
    "workflow.pause_needs_memory.title": ("A workflow asks back in vain", "工作流的追问无法得到回答"),
    "workflow.pause_needs_memory": (
        "The workflow {workflow} stopped to ask the person something, and cannot be told the answer: FastGPT goes on "
        "only in a chat that it remembers. Set its memory to service.",
        "工作流 {workflow} 停下来向用户提问，但无法把回答交给它：FastGPT 只能在它自己记住的对话中继续。"
        "请将该工作流的 memory 设为 service。",
    ),
    "workflow_test.busy": (
        "A message is being answered in this test; wait for it, clear the test or remove it.",
        "该测试会话正在处理上一条消息，请等待回复，或清除、删除会话。",
    ),
    "workflow_test.no_workflow": ("There is no workflow {id}.", "工作流不存在: {id}"),
    "workflow_test.not_found": (
        "There is no test session {id}, or its time is over.",
        "测试会话不存在或已过期: {id}",
    ),
    "workflow_test.too_many": (
        "You have {most} test sessions already. Delete one: {oldest} has been silent for longest.",
        "测试会话已达上限（{most} 个），请先删除不用的会话，其中 {oldest} 闲置最久。",
    ),
}


def render(code: str, language: str, facts: Mapping[str, object]) -> str:
    """The text of `code`; the code itself where there is none, so that nothing is ever silent."""
    texts = TEXTS.get(code)
    if texts is None:
        return code
    text = texts[LANGUAGES.index(language) if language in LANGUAGES else 0]
    try:
        return text.format_map(facts).rstrip(" ")  # a detail at its end may be empty
    except (KeyError, IndexError, ValueError):
        return text
