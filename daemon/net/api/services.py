"""Where handlers find the engine's services: one typed key each, filled by the bridge."""

from aiohttp import web

from daemon.engine.accounts import Accounts
from daemon.engine.conversations import Conversations
from daemon.engine.intake import Intake
from daemon.engine.sends import Sends
from daemon.engine.workflows import Workflows

ACCOUNTS = web.AppKey("accounts", Accounts)
CONVERSATIONS = web.AppKey("conversations", Conversations)
INTAKE = web.AppKey("intake", Intake)
SENDS = web.AppKey("sends", Sends)
WORKFLOWS = web.AppKey("workflows", Workflows)
PUBLIC_URL = web.AppKey("public_url", str)  # under which GeWe reaches this daemon; empty where nobody said
