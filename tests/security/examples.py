"""One valid request for every route that changes something, so that "allowed" means that it really worked."""

from __future__ import annotations

import hashlib
from typing import Any

API = "/api/v1"
TURNS = [
    {"role": "user", "content": "Blue toe since this morning, cold to the touch, age 71."},
    {"role": "assistant", "content": "Emergency"},
]
PAIR: dict[str, Any] = {
    "messages": TURNS,
    "tags": {"category": "rash", "language": "en"},
    "source": "Own work",
    "license": "CC0-1.0",
}
FORM: dict[str, Any] = {
    "role": [turn["role"] for turn in TURNS],
    "content": [turn["content"] for turn in TURNS],
    "tag:language": "en",
    "source": "Own work",
    "license": "CC0-1.0",
}
FILE = {"file": ("rows.jsonl", b'{"prompt": "Ear ache on a plane, age 9?", "completion": "Pharmacist"}\n')}
ORIGIN = {"source": "Own work", "license": "CC0-1.0", "format": "jsonl"}
ROUND = {
    "title": "Rashes again",
    "brief": "Write rashes.",
    "targets": [{"tag": "category", "value": "rash", "count": 5}],
}
ROUND_FORM = {
    "title": "Rashes again",
    "brief": "Write rashes.",
    "target_tag": "category",
    "target_value": "rash",
    "target_count": "5",
}
WEBHOOK = {"url": "https://hooks.example.org/preceptor", "kinds": ["run.done"]}
ARTIFACT = b"weights"
SHA256 = hashlib.sha256(ARTIFACT).hexdigest()

PLACES = {
    "slug": "slug",
    "pair_id": "draft",
    "run_id": "run",
    "version_id": "version",
    "other_id": "version",
    "finding_id": "finding",
    "job_id": "import",
    "upload_id": "upload",
    "lease_id": "lease",
    "review_id": "review",
    "round_id": "round",
    "token": "link",
    "token_id": "token",
    "session_id": "session",
    "user_id": "emil",
    "model_id": "model",
    "comment_id": "comment",
    "webhook_id": "webhook",
    "name": "engineers",
}
"""Path parameter -> the name of an object of the scene."""

ELSEWHERE: dict[tuple[str, str], dict[str, str]] = {
    ("POST", f"{API}/projects/{{slug}}/reviews/next"): {"slug": "ward"},
    ("POST", "/projects/{slug}/reviews/next"): {"slug": "ward"},
    ("POST", f"{API}/pairs/{{pair_id}}/reviews"): {"pair_id": "leased"},
    ("GET", "/pairs/{pair_id}/review"): {"pair_id": "leased"},
    ("POST", "/pairs/{pair_id}/review"): {"pair_id": "leased"},
    ("POST", f"{API}/pairs/{{pair_id}}/adjudication"): {"pair_id": "escalated"},
    ("GET", "/pairs/{pair_id}/adjudicate"): {"pair_id": "escalated"},
    ("POST", "/pairs/{pair_id}/adjudicate"): {"pair_id": "escalated"},
    ("POST", f"{API}/pairs/{{pair_id}}/gold/retire"): {"pair_id": "gold"},
    ("POST", "/pairs/{pair_id}/gold/retire"): {"pair_id": "gold"},
    ("POST", f"{API}/projects/{{slug}}/older-approvals/review-again"): {"slug": "ward"},
    ("POST", "/projects/{slug}/reviews/older"): {"slug": "ward"},
    ("POST", f"{API}/runs/{{run_id}}/cancel"): {"run_id": "live"},
    ("POST", "/runs/{run_id}/cancel"): {"run_id": "live"},
    ("POST", f"{API}/pairs/{{pair_id}}/submit"): {"pair_id": "fresh"},
    ("POST", "/pairs/{pair_id}/submit"): {"pair_id": "fresh"},
    ("POST", "/pairs/{pair_id}/withdraw"): {"pair_id": "submitted"},
    ("POST", "/pairs/{pair_id}/restore"): {"pair_id": "twice"},
    ("POST", f"{API}/pairs/{{pair_id}}/bring-back"): {"pair_id": "discarded"},
    ("POST", "/pairs/{pair_id}/undiscard"): {"pair_id": "discarded"},
    ("POST", f"{API}/comments/{{comment_id}}/reopen"): {"comment_id": "resolved"},
    ("POST", "/comments/{comment_id}/reopen"): {"comment_id": "resolved"},
    ("GET", f"{API}/jobs/{{job_id}}/errors"): {"job_id": "ended"},
    ("GET", "/jobs/{job_id}/errors"): {"job_id": "ended"},
    ("GET", "/worker/v1/files/{sha256}"): {"sha256": "file"},
}
"""Where the usual object is in no state to be acted on."""


def bodies(at: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """(method, path) -> arguments of the request."""
    return {**_scripts(at), **_pages(at), **_trainer(at)}


def _scripts(at: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    json: dict[str, Any] = {
        "/projects": {"slug": "second", "name": "Second"},
        "/projects/{slug}/members": {"email": "otto@example.org", "role": "expert"},
        "/projects/{slug}/guidelines": {"text": "# Anew"},
        "/projects/{slug}/rounds": ROUND,
        "/projects/{slug}/pairs": PAIR,
        "/projects/{slug}/pairs/check": PAIR,
        "/pairs/{pair_id}/reviews": {"lease": at["lease"], "decision": "accept", "ratings": {"accuracy": 5}},
        "/pairs/{pair_id}/adjudication": {"decision": "accept", "ratings": {"accuracy": 5}},
        "/pairs/{pair_id}/gold": {"decision": "return", "ratings": {"accuracy": 2}, "explanation": "No age."},
        "/projects/{slug}/older-approvals/review-again": {"pairs": None},
        "/projects/{slug}/versions": {"name": "Second freeze"},
        "/projects/{slug}/runs": {"version": at["version"], "recipe": {"max_minutes": 1}},
        "/projects/{slug}/findings": {"run_id": at["run"], "tag": "category", "value": "medication"},
        "/findings/{finding_id}/round": {},
        "/tokens": {"name": "nightly export", "days": 1},
        "/terms": {"text": "What you write may be used to train models."},
        "/terms/accept": {"number": 1},
        "/people/{user_id}/erasure": {"content": "keep"},
        "/pairs/{pair_id}/comments": {"text": "Why so?", "field": "messages.1"},
        "/notifications/read": {"all": True},
        "/projects/{slug}/webhooks": WEBHOOK,
    }
    found = {("POST", API + path): {"json": body} for path, body in json.items()}
    found["PATCH", f"{API}/projects/{{slug}}/settings"] = {"json": {"checks": {"filler": "off"}}}
    found["PATCH", f"{API}/projects/{{slug}}/rounds/{{round_id}}"] = {"json": {"title": "Rashes, edited"}}
    found["PUT", f"{API}/pairs/{{pair_id}}"] = {"json": PAIR, "headers": {"If-Match": at["draft_revision"]}}
    found["POST", f"{API}/projects/{{slug}}/imports"] = {"files": FILE, "data": ORIGIN}
    return found


def _pages(at: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    forms: dict[str, Any] = {
        "/projects": {"slug": "second", "name": "Second", "task": "generation", "languages": "en"},
        "/projects/{slug}/members": {"email": "otto@example.org", "role": "expert"},
        "/projects/{slug}/guidelines": {"text": "# Anew"},
        "/projects/{slug}/rounds": ROUND_FORM,
        "/projects/{slug}/rounds/{round_id}": ROUND_FORM,
        "/projects/{slug}/pairs": FORM,
        "/projects/{slug}/pairs/check": FORM,
        "/projects/{slug}/pairs/preview": {"text": "**Bold** words"},
        "/projects/{slug}/pairs/compare": {**FORM, "pair_id": at["draft"]},
        "/projects/{slug}/settings": {"check:filler": "off", "second_opinions": "10"},
        "/projects/{slug}/pairs/autosave": FORM,
        "/pairs/{pair_id}/save": {**FORM, "expected_revision": at["draft_revision"]},
        "/pairs/{pair_id}/autosave": {**FORM, "expected_revision": at["draft_revision"]},
        "/pairs/{pair_id}/restore": {"revision": at["twice_first"], "expected_revision": at["twice_latest"]},
        "/pairs/{pair_id}/review": {"lease": at["lease"], "decision": "accept", "rating:accuracy": "5"},
        "/projects/{slug}/reviews/undo": {"review": at["review"]},
        "/pairs/{pair_id}/adjudicate": {"decision": "accept", "rating:accuracy": "5"},
        "/pairs/{pair_id}/gold": {"decision": "return", "rating:accuracy": "2", "comment": "No age."},
        "/projects/{slug}/reviews/older": {"which": "all"},
        "/projects/{slug}/versions": {"name": "Second", "train": "80", "validation": "10", "test": "10"},
        "/projects/{slug}/runs": {"version": at["version"], "max_minutes": "1"},
        "/projects/{slug}/findings": {"run": at["run"], "tag": "category", "value": "medication"},
        "/findings/{finding_id}/round": ROUND_FORM,
        "/pairs/{pair_id}/comments": {"text": "Why so?", "field": "messages.1"},
        "/notifications/read": {"all": "yes"},
        "/projects/{slug}/webhooks": {"url": WEBHOOK["url"], "kind": "run.done"},
        **_account(),
    }
    found: dict[tuple[str, str], dict[str, Any]] = {("POST", path): {"data": form} for path, form in forms.items()}
    found["POST", "/projects/{slug}/imports"] = {"files": FILE, "data": ORIGIN}
    found["POST", "/projects/{slug}/imports/{upload_id}"] = {"data": {**ORIGIN, "map": "", "skip_bad": "yes"}}
    return found


def _account() -> dict[str, Any]:
    return {
        "/sign-in": {"email": "nobody@example.org", "password": "not a password of anybody"},
        "/account/name": {"name": "Another Name"},
        "/account/password": {"password": "seven wet tortoises on the quay"},
        "/account/second-factor/confirm": {"code": "000000"},
        "/account/second-factor/codes": {"code": "000000"},
        "/account/second-factor/off": {"code": "000000"},
        "/account/tokens": {"name": "nightly export", "days": "1"},
        "/accounts": {"email": "new@example.org", "name": "Newcomer"},
        "/accounts/{user_id}/role": {"is_admin": "yes"},
        "/accounts/{user_id}/erase": {"email": "emil@example.org", "content": "keep"},
        "/terms": {"text": "What you write may be used to train models."},
        "/terms/accept": {"number": "1"},
    }


def _trainer(at: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    held = {"job": at["held"], "token": at["fence"]}
    event = {"seq": 61, "kind": "log", "message": "still here"}
    return {
        ("POST", "/worker/v1/claim"): {"json": {"worker": "trainer-2"}},
        ("POST", "/worker/v1/heartbeat"): {"json": {**held, "done": 1.0, "total": 2.0}},
        ("POST", "/worker/v1/events"): {"json": {**held, "events": [event]}},
        ("GET", "/worker/v1/files/{sha256}"): {"params": held},
        ("PUT", "/worker/v1/artifacts/{sha256}"): {"params": held, "content": ARTIFACT},
        ("POST", "/worker/v1/finish"): {"json": {**held, "outcome": "failed", "error": "no memory left"}},
    }
