"""Every page of the product: read off the running application's routes, filled from a project with everything in it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from starlette.testclient import TestClient

from app.domain.projects import actions as projects_actions
from app.http import route_permissions
from app.http.error_responses import API_PREFIXES
from tests.fixtures.principals import Scene, person
from tests.security.examples import PLACES

PEOPLE = {"admin": "admin", "editor": "editor", "expert": "author", None: "nobody"}
"""Who looks -> the principal of the scene. Who sees most comes first."""
SEVERAL = {
    "slug": ["slug", "ward", "bare"],
    "pair_id": ["draft", "returned", "submitted", "approved", "twice", "leased", "escalated", "gold"],
    "run_id": ["run", "live"],
    "job_id": ["import", "ended", "job"],
}
"""Path parameter -> objects of the scene in different states; for the others `PLACES` names one."""
QUERIES = {
    "/projects/{slug}/pairs": ["state=approved&q=pain&tag=category&value=rash", "q=nothing+at+all"],
    "/projects/{slug}/pairs/new": ["round={round}"],
    "/projects/{slug}/reviews": ["tag=category:rash", "tag=category:nothing+at+all"],
    "/pairs/{pair_id}": ["old=1&new=2"],
    "/runs/{run_id}": ["only=gained", "tag=category&value=rash"],
    "/projects/{slug}/guidelines": ["version=1"],
    "/notifications": ["all=true"],
    "/audit": ["action=pair", "action=nothing"],
    "/sign-in": ["next=/account"],
}
"""Route -> queries that show its page otherwise."""
NO_PAGE = {
    "/openapi.json": "a document",
    "/healthz": "a word",
    "/sign-in/oidc": "leads to the organisation's own provider",
    "/sign-in/oidc/callback": "comes back from it",
    "/sign-in/second-factor": "only between two steps of signing in: walked among the answers to forms",
    "/runs/{run_id}/events": "a stream",
    "/jobs/{job_id}/progress": "a part of the page of the job",
    "/jobs/{job_id}/errors": "a file",
    "/audit/log.jsonl": "a file",
    "/versions/{version_id}/card.md": "a file",
    "/models/{model_id}/card.md": "a file",
    "/account/data.zip": "a file",
    "/accounts/{user_id}/data.zip": "a file",
}
"""Routes that answer with something else than a page, and what that is."""
ELEMENT = re.compile(r'<([a-z]\w*)((?:[^>"]|"[^"]*")*)>')
LOOK = re.compile(r' (?:class|type|role)="([^"]*)"')


@dataclass(frozen=True)
class Visit:
    """An address and the route that it belongs to."""

    route: str
    path: str


def furnished(app: Any) -> Scene:
    """The scene of the permission table, and a project with nothing in it."""
    scene = Scene(app)
    with app.state.database.session() as session:
        ada = person(session, "ada")
        bare = projects_actions.create_project(
            session, ada, slug="bare", name="Bare", task="generation", languages=["en"], domains=[]
        )
        for name, role in (("emil", "expert"), ("edith", "editor")):
            projects_actions.add_member(session, ada, bare, email=f"{name}@example.org", role=role)
    scene.at["bare"] = "bare"
    return scene


def cookie(scene: Scene, who: str | None) -> str:
    return scene.cookies.get(PEOPLE[who], "")


def routes(app: Any) -> list[str]:
    """The path of every route that answers with a page."""
    found = {
        one.path: None for one in route_permissions.walk(app.routes) if "GET" in (getattr(one, "methods", None) or ())
    }
    return [path for path in found if not path.startswith(API_PREFIXES) and path not in NO_PAGE]


def visits(app: Any, at: dict[str, Any]) -> Iterator[Visit]:
    """Every page with the objects that its parameters may be. Raises KeyError with a parameter that nothing fills."""
    for route in routes(app):
        names = re.findall(r"{(\w+)", route)
        choices = [[at.get(place, place) for place in SEVERAL.get(name, [PLACES[name]])] for name in names]
        for values in itertools.product(*choices):
            yield Visit(route, route.format(**dict(zip(names, values, strict=True))))
        usual = route.format(**{name: at.get(PLACES[name], PLACES[name]) for name in names})
        for query in QUERIES.get(route, []):
            yield Visit(route, f"{usual}?{query.format(**at)}")


def pages(app: Any, scene: Scene) -> tuple[dict[str | None, list[Visit]], set[str]]:
    """Who -> the pages to walk as that person; and the routes that were shown to somebody.

    A page is left out when it holds no element that a page of the same route has not shown already, to the same
    person or to one who sees more. Refusals are pages too: one of each status for each person.
    """
    todo: dict[str | None, list[Visit]] = {}
    seen: dict[str, list[frozenset[tuple[str, ...]]]] = {}
    shown: set[str] = set()
    for who in PEOPLE:
        answers = _answers(app, scene, who)
        todo[who] = []
        for visit, status, look in sorted(answers, key=lambda one: -len(one[2])):
            key = visit.route if status < 400 else f"{who} {status}"
            if status < 400:
                shown.add(visit.route)
            if not any(look <= other for other in seen.setdefault(key, [])):
                seen[key].append(look)
                todo[who].append(visit)
    return todo, shown


def _answers(app: Any, scene: Scene, who: str | None) -> list[tuple[Visit, int, frozenset[tuple[str, ...]]]]:
    """(visit, status, looks of the elements in <main>) of every page that this person is answered with."""
    client = TestClient(app, follow_redirects=False)
    client.cookies.set("preceptor_session", cookie(scene, who))
    found = []
    for visit in visits(app, scene.at):
        answer = client.get(visit.path)
        if "<html" in answer.text:
            main = answer.text.partition("<main")[2].partition("</main>")[0]
            look = frozenset((name, *sorted(LOOK.findall(rest))) for name, rest in ELEMENT.findall(main))
            found.append((visit, answer.status_code, look))
    return found
