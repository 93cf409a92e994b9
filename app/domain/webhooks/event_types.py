"""The events that people and webhooks are told of: their names, and what each means in words. Pure."""

from __future__ import annotations

KINDS = {
    "pair.returned": "A pair was returned to its author",
    "pair.accepted": "A pair was accepted",
    "pair.rejected": "A pair was rejected",
    "pair.escalated": "A verdict was passed on to the admins",
    "comment.added": "Somebody commented on a pair",
    "comment.resolved": "A comment was resolved",
    "lease.taken_over": "A pair whose time had run out went to another reviewer",
    "round.opened": "A round was opened",
    "round.assigned": "Somebody was added to a round",
    "guideline.published": "A guideline was published",
    "import.done": "An import is done",
    "import.failed": "An import failed",
    "version.done": "A version is frozen",
    "version.failed": "A version could not be frozen",
    "run.done": "A training run is done",
    "run.failed": "A training run failed",
}
