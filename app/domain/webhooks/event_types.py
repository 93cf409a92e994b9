"""The kinds of events that users and webhooks are notified of, each with a description. Pure."""

from __future__ import annotations

KINDS = {
    "pair.returned": "A pair was returned to its author",
    "pair.accepted": "A pair was accepted",
    "pair.rejected": "A pair was rejected",
    "pair.escalated": "A pair was escalated to the admins",
    "comment.added": "A comment was added to a pair",
    "comment.resolved": "A comment was resolved",
    "lease.taken_over": "A pair went to another reviewer",
    "round.opened": "A round was opened",
    "round.assigned": "A user was assigned to a round",
    "guideline.published": "A guideline was published",
    "import.done": "An import finished",
    "import.failed": "An import failed",
    "version.done": "A version was created",
    "version.failed": "Creating a version failed",
    "run.done": "A training run finished",
    "run.failed": "A training run failed",
}
