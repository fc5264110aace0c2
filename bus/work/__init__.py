"""Anything done later: claim, lease, fence, sweep; the Celery task that runs a command."""
