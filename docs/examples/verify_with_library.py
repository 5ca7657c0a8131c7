"""The same check by the reference library: `pip install standardwebhooks`."""

from standardwebhooks.webhooks import Webhook, WebhookVerificationError


def verify(secret: str, headers, body: bytes) -> None:
    """Raises ValueError for a message that hos-receiver did not sign with this secret within the last 5 minutes."""
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    try:
        Webhook(secret).verify(body, {name: headers[name] or "" for name in names})
    except WebhookVerificationError as error:
        raise ValueError(str(error)) from None
