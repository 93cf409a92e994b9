"""The personal data map: for every column that identifies a person, what is exported and what erasure does. Pure data.

Export and erasure run from this list, so it cannot differ from the code. A new column that identifies a person and is
missing here fails `tests/domain/privacy/test_personal_data_map.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Owner = Literal["user", "contributor", "person"]
Fate = Literal["delete", "blank", "content", "keep"]


@dataclass(frozen=True)
class Column:
    """`without` lists secrets that are not exported. On erasure, by `fate`, rows are deleted, the columns of `blanked`
    are set, content follows the person's choice (withdrawal_actions.py), or rows are kept for the `reason`."""

    table: str
    column: str
    owner: Owner
    fate: Fate
    reason: str
    without: tuple[str, ...] = ()
    blanked: dict[str, Any] = field(default_factory=dict)
    exported: bool = True


LOCKED_OUT = {"active": False, "is_admin": False}

PLAN: tuple[Column, ...] = (
    Column("contributors", "id", "contributor", "keep", "a random pseudonym: what lineage and the audit log refer to"),
    Column("persons", "contributor_id", "contributor", "blank", "name and address go; the row keeps the lineage"),
    Column("users", "contributor_id", "contributor", "blank", "can no longer sign in", blanked=LOCKED_OUT),
    Column("users", "person_id", "person", "keep", "the same row as by contributor", exported=False),
    Column("api_tokens", "user_id", "user", "blank", "revoked; the audit log has its id", ("digest",), {"name": ""}),
    Column("sign_in_links", "user_id", "user", "delete", "a credential", ("digest",)),
    Column("web_sessions", "user_id", "user", "delete", "a credential, and the browsers used", ("digest",)),
    Column("passwords", "user_id", "user", "delete", "a credential", ("hash",)),
    Column("second_factors", "user_id", "user", "delete", "a credential", ("secret",)),
    Column("recovery_codes", "user_id", "user", "delete", "a credential", ("digest",)),
    Column("identities", "user_id", "user", "delete", "an account at another provider"),
    Column("memberships", "user_id", "user", "delete", "a role that ends; the audit log records when it was granted"),
    Column("terms", "published_by", "user", "keep", "the organization's own text; the column is a pseudonym"),
    Column("acceptances", "user_id", "user", "keep", "proof of the terms of submitted content; ids and times only"),
    Column("erasures", "contributor_id", "contributor", "keep", "proof that the erasure was done; ids and counts only"),
    Column("erasures", "requested_by", "user", "keep", "the admin who erased; a pseudonym"),
    Column("projects", "created_by", "user", "keep", "the organization's project; the column is a pseudonym"),
    Column("guidelines", "published_by", "user", "keep", "the organization's rules; the column is a pseudonym"),
    Column("pairs", "author_id", "user", "content", "kept or withdrawn, as the person chooses; drafts are blanked"),
    Column("revisions", "author_id", "user", "content", "kept or withdrawn, as the person chooses; drafts are blanked"),
    Column("leases", "reviewer_id", "user", "delete", "unfinished work"),
    Column("reviews", "reviewer_id", "user", "content", "the decision stays, its comment follows the choice"),
    Column("comments", "author_id", "user", "content", "kept or withdrawn, as the person chooses"),
    Column("comments", "resolved_by", "user", "keep", "a resolution; the column is a pseudonym", exported=False),
    Column("gold_answers", "created_by", "user", "keep", "the organization's measure; the column is a pseudonym"),
    Column("round_assignees", "user_id", "user", "delete", "unfinished work"),
    Column("notifications", "user_id", "user", "delete", "of no use to others"),
    Column("webhooks", "created_by", "user", "keep", "the organization's address; a pseudonym", ("secret",)),
    Column("uploads", "user_id", "user", "delete", "waiting files"),
    Column("dataset_versions", "created_by", "user", "keep", "a frozen version; the column is a pseudonym"),
    Column("training_runs", "created_by", "user", "keep", "a run; the column is a pseudonym"),
    Column("findings", "created_by", "user", "keep", "a weakness of a model; withdrawn texts are removed from it"),
    Column("jobs", "created_by", "user", "blank", "names and sources of uploaded files are blanked, the files deleted"),
    Column("idempotent_answers", "user_id", "user", "delete", "kept for repeated requests", ("body", "fingerprint")),
    Column("audit_events", "actor", "user", "keep", "append-only and chained; holds ids and numbers, no name or text"),
)  # fmt: skip
