"""The mock provider with an ID token that says who it is and no more: names and addresses come from userinfo only.

A person whose claims hold `stands_for` is given somebody else's userinfo, as a provider that mixes people up would.
"""

from __future__ import annotations

from typing import Any

import oidc_provider_mock._app as mock
from oidc_provider_mock.__main__ import run

of_scope = mock._user_claims_for_scope


def userinfo(user: Any, scope: str) -> dict[str, object]:
    said = of_scope(user, scope)
    return {**said, "sub": said.pop("stands_for", user.sub)}


def nothing_more(_: Any, user: Any, scope: str) -> dict[str, object]:
    return {"sub": user.sub}


mock._user_claims_for_scope = userinfo
mock.OpenIDCode.generate_user_info = nothing_more  # type: ignore[method-assign,assignment]

if __name__ == "__main__":
    run()
