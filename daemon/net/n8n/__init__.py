"""n8n: its webhooks as services of ours, and its public API."""

from daemon.errors import N8nConnectionError, N8nResponseError, N8nTimeoutError, N8nWebhookError
from daemon.net.n8n.client import N8nWebhookClient

__all__ = ["N8nConnectionError", "N8nResponseError", "N8nTimeoutError", "N8nWebhookClient", "N8nWebhookError"]
