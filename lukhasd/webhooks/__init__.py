"""Events posted to addresses that identities name."""

from lukhasd.webhooks.webhooks import Webhooks

__all__ = ["Webhooks"]
