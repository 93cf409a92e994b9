"""Every page for each role: works, not signed in (401), wrong role (403), not a member (404)."""

from __future__ import annotations

import re

import pytest

MEMBERS = {"ada": 200, "edith": 200, "emil": 200, "otto": 404}
EDITORS = {"ada": 200, "edith": 200, "emil": 403, "otto": 404}
ADMINS = {"ada": 200, "edith": 403, "emil": 403, "otto": 404}
EVERYONE = {"ada": 200, "edith": 200, "emil": 200, "otto": 200}
ADMIN_ONLY = {"ada": 200, "edith": 403, "emil": 403, "otto": 403}
PAGES = {
    "/": EVERYONE,
    "/projects": EVERYONE,
    "/style": EVERYONE,
    "/projects/new": ADMIN_ONLY,
    "/audit": ADMIN_ONLY,
    "/accounts": ADMIN_ONLY,
    "/accounts/{emil}": ADMIN_ONLY,
    "/account": EVERYONE,
    "/account/sessions": EVERYONE,
    "/account/tokens": EVERYONE,
    "/account/second-factor": EVERYONE,
    "/projects/triage": MEMBERS,
    "/projects/triage/guidelines": MEMBERS,
    "/projects/triage/guidelines?version=1": MEMBERS,
    "/projects/triage/rounds": MEMBERS,
    "/projects/triage/rounds/{round}": MEMBERS,
    "/projects/triage/members": MEMBERS,
    "/projects/triage/members/{emil}/remove": ADMINS,
    "/projects/triage/settings": ADMINS,
    "/projects/triage/imports": MEMBERS,
    "/projects/triage/pairs": MEMBERS,
    "/projects/triage/pairs?state=approved&q=pain&tag=category&value=rash": MEMBERS,
    "/projects/triage/pairs/new": MEMBERS,
    "/projects/triage/pairs/new?round={round}": MEMBERS,
    "/pairs/{draft}": MEMBERS,
    "/pairs/{approved}": MEMBERS,
    "/pairs/{draft}/edit": MEMBERS,
    "/pairs/{draft}/submit": MEMBERS,
    "/projects/triage/reviews": EDITORS,
    "/projects/triage/versions": MEMBERS,
    "/projects/triage/versions/new": ADMINS,
    "/versions/{version}": MEMBERS,
    "/jobs/{job}": MEMBERS,
    "/jobs/{job}/progress": MEMBERS,
    "/projects/triage/runs": MEMBERS,
    "/projects/triage/runs/new": ADMINS,
    "/runs/{run}": MEMBERS,
    "/runs/{live}": MEMBERS,
    "/runs/{run}?only=gained": MEMBERS,
    "/runs/{run}?only=lost&tag=category&value=rash": MEMBERS,
    "/projects/triage/findings": MEMBERS,
    "/findings/{finding}": MEMBERS,
}


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("person", ["ada", "edith", "emil", "otto"])
def test_status_by_role(world, visit, path, person):
    answer = visit(person).get(path.format(**world.ids))
    assert answer.status_code == PAGES[path][person], answer.text[:2000]
    assert "<html" in answer.text or "progress" in path


@pytest.mark.parametrize("path", PAGES)
def test_sign_in_required(world, visit, path):
    assert visit(None).get(path.format(**world.ids)).status_code == 401


@pytest.mark.parametrize("path", PAGES)
def test_page_obeys_content_policy(world, visit, path):
    text = visit("ada").get(path.format(**world.ids)).text
    assert not re.search(r"<script(?![^>]*\bsrc=)", text), "inline script"
    assert not re.search(r"<style|\sstyle\s*=|\son[a-z]+\s*=\s*[\"']", text), "inline style or handler"


@pytest.mark.parametrize("path", PAGES)
def test_labels_and_csrf_tokens(world, visit, path):
    text = visit("ada").get(path.format(**world.ids)).text
    for field in re.findall(r"<(?:input|select|textarea)\b[^>]*>", text, re.S):
        if re.search(r'type="(hidden|checkbox|radio)"', field):
            continue
        named = re.search(r'\bid="([^"]+)"', field)
        assert "aria-label" in field or (named and f'for="{named[1]}"' in text), field
    for form in re.findall(r'<form[^>]*method="post".*?</form>', text, re.S):
        assert 'name="csrf"' in form, form[:300]


def test_unknown_urls_return_404(visit):
    for path in ("/pairs/nothing", "/runs/nothing", "/versions/nothing", "/projects/nothing", "/nowhere"):
        assert visit("ada").get(path).status_code == 404
