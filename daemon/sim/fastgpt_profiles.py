"""What differs between the versions of FastGPT: legacy is 4.14.4 to 4.14.10, current is 4.16 (contract 0.1)."""

from attrs import evolve, frozen


@frozen(kw_only=True)
class Profile:
    name: str
    done_before_details: bool  # v1 with details: [DONE], then flowResponses
    details_as_object: bool  # flowResponses as {"0": …} where an array was meant
    honest_status: bool  # a 4xx code in the body is also the HTTP status; else always 500
    validates: bool  # the input, with 400
    member_keys: bool  # appId must be given; a key bound to one still works
    refuses_busy: bool  # one run a chat
    titles: bool
    resolved_id: bool  # an id is made for a call without chatId, and returned
    interactive_content: bool  # a lone interactive item is in the content of a plain answer
    stop_says_more: bool  # chat/stop tells the chat's state
    health_says_more: bool
    rows_strip_quotes: bool  # quotes read back have no q and a


_OLD = Profile(
    name="legacy",
    done_before_details=True,
    details_as_object=False,
    honest_status=False,
    validates=False,
    member_keys=False,
    refuses_busy=False,
    titles=False,
    resolved_id=False,
    interactive_content=False,
    stop_says_more=False,
    health_says_more=False,
    rows_strip_quotes=False,
)
_NEW = Profile(
    name="current",
    done_before_details=False,
    details_as_object=False,
    honest_status=True,
    validates=True,
    member_keys=True,
    refuses_busy=True,
    titles=True,
    resolved_id=True,
    interactive_content=True,
    stop_says_more=True,
    health_says_more=True,
    rows_strip_quotes=True,
)


PROFILES = {"legacy": _OLD, "4.14.7": evolve(_OLD, name="4.14.7", details_as_object=True), "current": _NEW}
