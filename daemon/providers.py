"""The AI services that workflows run at: for each provider its assistant, the one for trials, and its desk."""

from collections.abc import Mapping
from random import Random

from attrs import evolve, frozen

from daemon.domain.workflow import Provider
from daemon.engine.ports import Assistant, ServiceDesk
from daemon.engine.timers import Timers
from daemon.engine.webhook_assistant import QuestionCalls, WebhookAssistant
from daemon.engine.webhook_runs import WebhookRuns
from daemon.ids import Ids
from daemon.limits.breaker import Breakers
from daemon.limits.pool import Pool
from daemon.limits.retry import RetryBudget
from daemon.net.fastgpt.client import FastGpt
from daemon.net.fastgpt.desk import FastGptDesk
from daemon.net.meter import Unmetered
from daemon.net.n8n.client import N8nWebhookClient
from daemon.net.n8n.desk import N8nDesk
from daemon.net.openai.client import OpenAi
from daemon.net.openai.desk import OpenAiDesk
from daemon.net.outbound import Outbound
from daemon.secret import Redactor
from daemon.settings import Settings
from daemon.store.database import Database
from daemon.wiring import pools_of, terms_of


@frozen(kw_only=True)
class Providers:
    pools: Mapping[Provider, Pool]
    budgets: Mapping[Provider, RetryBudget]
    assistants: Mapping[Provider, Assistant]
    on_trial: Mapping[Provider, Assistant]  # what is only tried out is in no statistics and in no log
    desks: Mapping[Provider, ServiceDesk]
    webhook_runs: WebhookRuns


def providers_of(
    settings: Settings,
    db: Database,
    outbound: Outbound,
    *,
    breakers: Breakers,
    timers: Timers,
    random: Random,
    redactor: Redactor,
) -> Providers:
    clock, unmetered = db.clock, evolve(outbound, meter=Unmetered())
    pools = pools_of(settings)
    budgets = {provider: RetryBudget(clock) for provider in Provider}
    runs = WebhookRuns(
        db,
        N8nWebhookClient(outbound, clock),
        pools[Provider.N8N],
        breakers,
        budgets[Provider.N8N],
        timers,
        random,
        redactor,
        Ids(clock),
        terms_of(settings),
    )
    return Providers(
        pools=pools,
        budgets=budgets,
        assistants={
            Provider.FASTGPT: FastGpt(outbound),
            Provider.N8N: WebhookAssistant(QuestionCalls(runs), clock),
            Provider.OPENAI: OpenAi(outbound),
        },
        on_trial={
            Provider.FASTGPT: FastGpt(unmetered),
            Provider.N8N: WebhookAssistant(N8nWebhookClient(unmetered, clock), clock),
            Provider.OPENAI: OpenAi(unmetered),
        },
        desks={
            Provider.FASTGPT: FastGptDesk(outbound),
            Provider.N8N: N8nDesk(outbound, clock),
            Provider.OPENAI: OpenAiDesk(outbound),
        },
        webhook_runs=runs,
    )
