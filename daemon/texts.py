"""What is said to people, in English and Chinese, by machine code. A test holds that every code raised has its text."""

from collections.abc import Mapping

LANGUAGES = ("en", "zh")

TEXTS: dict[str, tuple[str, str]] = {
    # code: (English, Chinese); {names} are the facts of the error
    "internal": ("Something went wrong here; the log has it.", "内部出错，详情见日志。"),
    "invalid": ("The request is not valid.", "请求无效。"),
    "invalid.json": ("The body is not valid JSON: {reason}", "请求体不是有效的 JSON：{reason}"),
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
    "stale": ("It belongs to another owner by now.", "它已归属其他执行者。"),
    "cli.daemon_refused": (
        "The daemon refused: {detail}",
        "守护进程拒绝了请求：{detail}",
    ),
    "cli.daemon_running": (
        "A daemon is running on this state directory ({path}). Stop it first, or leave out --offline.",
        "该状态目录上有守护进程正在运行（{path}）。请先停止它，或去掉 --offline。",
    ),
    "cli.no_daemon": (
        "No daemon answers on {path} ({reason}). Start it with `qiaod serve`, or see `systemctl status qiaod`.",
        "{path} 上没有守护进程响应（{reason}）。请用 `qiaod serve` 启动，或查看 `systemctl status qiaod`。",
    ),
    "cli.no_store": (
        "There is no store at {path}. Check state_dir, or start the daemon once so that it makes one.",
        "{path} 处没有数据库。请检查 state_dir，或先启动一次守护进程以创建它。",
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
    "settings.want_uid": (
        '{value} is no user id. Write the number that `id -u NAME` prints, in quotes, or "self".',
        '{value} 不是用户 ID。请写 `id -u 用户名` 输出的数字（加引号），或 "self"。',
    ),
    "settings.want_url": (
        "{value} is no plain http or https URL. Write it as https://bot.example.org, without user name and query.",
        "{value} 不是有效的 http 或 https 地址。请写成 https://bot.example.org，不带用户名和查询参数。",
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
        "The database {path} is damaged and there is no verified backup in {backups}. Put one there, or run `qiaod "
        "restore` with another.",
        "数据库 {path} 已损坏，且 {backups} 中没有经过校验的备份。请放入一份备份，或用 `qiaod restore` 指定其他备份。",
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
    "store.spool_full": ("The spool has reached {cap} bytes.", "暂存文件已达到 {cap} 字节上限。"),
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
