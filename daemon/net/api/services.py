"""Where handlers find the engine's services: one typed key each, filled by the bridge."""

from collections.abc import Mapping

from aiohttp import web

from daemon.domain.workflow import Provider
from daemon.engine.accounts import Accounts
from daemon.engine.act_desk import ActDesk
from daemon.engine.ai_webhooks import AiWebhooks
from daemon.engine.analysis import Analysis
from daemon.engine.audit import Audit
from daemon.engine.batches import Batches
from daemon.engine.callback_urls import CallbackUrls
from daemon.engine.campaigns import Campaigns
from daemon.engine.chatting import Chatting
from daemon.engine.completions import Completions
from daemon.engine.contacts import Contacts
from daemon.engine.conversations import Conversations
from daemon.engine.dialogues import Dialogues
from daemon.engine.do_not_contact import DoNotContact
from daemon.engine.friends import Friends
from daemon.engine.intake import Intake
from daemon.engine.integrations import Integrations
from daemon.engine.jobs import Jobs
from daemon.engine.logins import Logins
from daemon.engine.media import Media
from daemon.engine.moments import Moments
from daemon.engine.prices import Prices
from daemon.engine.profiles import Profiles
from daemon.engine.quotas import Quotas
from daemon.engine.revokes import Revokes
from daemon.engine.rooms import Rooms
from daemon.engine.secrets import Secrets
from daemon.engine.sends import Sends
from daemon.engine.service_desk import WorkflowDesk
from daemon.engine.targets import Targets
from daemon.engine.workflow_test import WorkflowTests
from daemon.engine.workflows import Workflows
from daemon.limits.pace import Pace
from daemon.limits.pool import Pool
from daemon.store.database import Database

ACCOUNTS = web.AppKey("accounts", Accounts)
ACT_DESK = web.AppKey("act_desk", ActDesk)
CONTACTS = web.AppKey("contacts", Contacts)
FRIENDS = web.AppKey("friends", Friends)
MOMENTS = web.AppKey("moments", Moments)
PROFILES = web.AppKey("profiles", Profiles)
ROOMS = web.AppKey("rooms", Rooms)
AUDIT = web.AppKey("audit", Audit)
CAMPAIGNS = web.AppKey("campaigns", Campaigns)
AI_WEBHOOKS = web.AppKey("ai_webhooks", AiWebhooks)
ANALYSIS = web.AppKey("analysis", Analysis)
BATCHES = web.AppKey("batches", Batches)
CHATTING = web.AppKey("chatting", Chatting)
COMPLETIONS = web.AppKey("completions", Completions)
CONVERSATIONS = web.AppKey("conversations", Conversations)
CURRENCY = web.AppKey("currency", str)  # of all money
DATABASE = web.AppKey("database", Database)  # to read lists from; what changes it goes through the engine
DIALOGUES = web.AppKey("dialogues", Dialogues)
DO_NOT_CONTACT = web.AppKey("do_not_contact", DoNotContact)
INTEGRATIONS = web.AppKey("integrations", Integrations)
PACE = web.AppKey("pace", Pace)
TARGETS = web.AppKey("targets", Targets)
POOLS: web.AppKey[Mapping[Provider, Pool]] = web.AppKey("pools")
INTAKE = web.AppKey("intake", Intake)
LOGINS = web.AppKey("logins", Logins)
CALLBACK_URLS = web.AppKey("callback_urls", CallbackUrls)
CALLBACK_ALLOW = web.AppKey("callback_allow", tuple[str, ...])  # networks that GeWe may call from without a key
JOBS = web.AppKey("jobs", Jobs)
MEDIA = web.AppKey("media", Media)
PRICES = web.AppKey("prices", Prices)
QUOTAS = web.AppKey("quotas", Quotas)
SECRETS = web.AppKey("secrets", Secrets)
REVOKES = web.AppKey("revokes", Revokes)
SENDS = web.AppKey("sends", Sends)
WORKFLOW_DESK = web.AppKey("workflow_desk", WorkflowDesk)
WORKFLOWS = web.AppKey("workflows", Workflows)
WORKFLOW_TESTS = web.AppKey("workflow_tests", WorkflowTests)
PUBLIC_URL = web.AppKey("public_url", str)  # under which GeWe reaches this daemon; empty where nobody said
