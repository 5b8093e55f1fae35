"""What is said to people, in English and Chinese, by machine code. A test holds that every code raised has its text."""

from collections.abc import Mapping

LANGUAGES = ("en", "zh")

TEXTS: dict[str, tuple[str, str]] = {
    # code: (English, Chinese); {names} are the facts of the error
    "internal": ("Something went wrong here; the log has it.", "内部出错，详情见日志。"),
    "invalid": ("The request is not valid.", "请求无效。"),
    "invalid.json": ("The body is not valid JSON: {reason}", "请求体不是有效的 JSON：{reason}"),
    "stale": ("It belongs to another owner by now.", "它已归属其他执行者。"),
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
