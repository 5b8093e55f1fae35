"""Where handlers find the engine's services: one typed key each, filled by the bridge."""

from aiohttp import web

from daemon.engine.accounts import Accounts
from daemon.engine.conversations import Conversations
from daemon.engine.intake import Intake
from daemon.engine.jobs import Jobs
from daemon.engine.sends import Sends
from daemon.engine.workflows import Workflows
from daemon.store.database import Database

ACCOUNTS = web.AppKey("accounts", Accounts)
CONVERSATIONS = web.AppKey("conversations", Conversations)
DATABASE = web.AppKey("database", Database)  # to read lists from; what changes it goes through the engine
INTAKE = web.AppKey("intake", Intake)
JOBS = web.AppKey("jobs", Jobs)
SENDS = web.AppKey("sends", Sends)
WORKFLOWS = web.AppKey("workflows", Workflows)
PUBLIC_URL = web.AppKey("public_url", str)  # under which GeWe reaches this daemon; empty where nobody said
