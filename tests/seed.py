"""What the seed promises of its two services, and where the daemon has it: routes that are called, and clients."""

from attrs import frozen

_API = "/api/v1/integrations"


@frozen
class Promised:
    name: str  # as the seed has it
    routes: tuple[str, ...] = ()  # of ours; the test that is named was answered well by all of them
    calls: tuple[str, ...] = ()  # what it made the clients do
    instead: str = ""  # where there is no route


def _sent(name: str, path: str) -> Promised:
    return Promised(name, (f"POST {_API}/gewe/messages",), (f"messenger.send /message/{path}",))


METHODS = (
    Promised("GeWeService._make_request", calls=("messenger.send",), instead="`daemon/net/gewe/calls.py`"),
    _sent("GeWeService.send_text_message", "postText"),
    _sent("GeWeService.send_image_message", "postImage"),
    _sent("GeWeService.send_file_message", "postFile"),
    Promised("GeWeService.get_account_status", (f"GET {_API}/gewe/accounts/{{account_id}}/online",)),
    Promised("GeWeService.get_contact_list", (f"GET {_API}/gewe/contacts",), ("contacts.ids",)),
    Promised("GeWeService.add_contact", (f"POST {_API}/gewe/contacts",), ("contacts.add",)),
    Promised("GeWeService.post_moments", (f"POST {_API}/gewe/moments",), ("moments.publish",)),
    Promised("GeWeService.get_moments_timeline", (f"GET {_API}/gewe/moments",), ("moments.timeline",)),
    Promised("GeWeService.setup_webhook", (f"POST {_API}/gewe/webhook",), ("devices.set_callback",)),
    Promised("GeWeService.process_webhook_message", (f"POST {_API}/gewe/webhook/callback/{{callback_key}}",)),
    Promised("FastGPTService.process_chat_message", (f"POST {_API}/fastgpt/chat",), ("FastGpt.run",)),
    Promised("FastGPTService.analyze_intent", (f"POST {_API}/fastgpt/intent",), ("FastGpt.run",)),
    Promised("FastGPTService.analyze_sentiment", (f"POST {_API}/fastgpt/sentiment",), ("FastGpt.run",)),
    Promised("FastGPTService.process_batch_messages", (f"POST {_API}/fastgpt/batch",), ("FastGpt.run",)),
    Promised("FastGPTService.register_workflow", (f"POST {_API}/fastgpt/workflows",)),
    Promised("FastGPTService.get_workflow_config", (f"GET {_API}/fastgpt/workflows/{{workflow_id}}",)),
)
