"""The plan: for every column that names a person, what the person gets of it, and what erasure does to it. Pure data.

A new table that names a person and is missing here fails `tests/domain/privacy/test_personal_data_map.py`. Export and
erasure are carried out from this list, so that it cannot say one thing while the code does another.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Who = Literal["user", "contributor", "person"]
Fate = Literal["delete", "blank", "content", "keep"]


@dataclass(frozen=True)
class Column:
    """`without` is left out of the export (secrets). `fate` on erasure: the rows are deleted; the columns of `blanked`
    are set; the content follows the person's choice (withdrawal.py); or the row stays, for the `reason`."""

    table: str
    column: str
    who: Who
    fate: Fate
    reason: str
    without: tuple[str, ...] = ()
    blanked: dict[str, Any] = field(default_factory=dict)
    exported: bool = True


LOCKED_OUT = {"active": False, "is_admin": False}

PLAN: tuple[Column, ...] = (
    Column("contributors", "id", "contributor", "keep", "a random pseudonym: what lineage and the audit log refer to"),
    Column("persons", "contributor_id", "contributor", "blank", "name and address go; the row keeps the lineage whole"),
    Column("users", "contributor_id", "contributor", "blank", "signs in no more", blanked=LOCKED_OUT),
    Column("users", "person_id", "person", "keep", "the same row as by contributor", exported=False),
    Column("api_tokens", "user_id", "user", "blank", "revoked; the audit log names its id", ("digest",), {"name": ""}),
    Column("sign_in_links", "user_id", "user", "delete", "a credential", ("digest",)),
    Column("web_sessions", "user_id", "user", "delete", "a credential, and the browsers used", ("digest",)),
    Column("passwords", "user_id", "user", "delete", "a credential", ("hash",)),
    Column("second_factors", "user_id", "user", "delete", "a credential", ("secret",)),
    Column("recovery_codes", "user_id", "user", "delete", "a credential", ("digest",)),
    Column("identities", "user_id", "user", "delete", "an account at another provider"),
    Column("memberships", "user_id", "user", "delete", "a right that ends; the audit log knows when it was given"),
    Column("terms", "published_by", "user", "keep", "the organisation's own text; the column is a pseudonym"),
    Column("acceptances", "user_id", "user", "keep", "proof of what the content came under; ids and times only"),
    Column("erasures", "contributor_id", "contributor", "keep", "proof that the erasure was done; ids and counts only"),
    Column("erasures", "requested_by", "user", "keep", "who carried an erasure out; a pseudonym"),
    Column("projects", "created_by", "user", "keep", "the organisation's project; the column is a pseudonym"),
    Column("guidelines", "published_by", "user", "keep", "the organisation's rules; the column is a pseudonym"),
    Column("pairs", "author_id", "user", "content", "kept or withdrawn, as the person chooses; drafts always go"),
    Column("revisions", "author_id", "user", "content", "kept or withdrawn, as the person chooses; drafts always go"),
    Column("leases", "reviewer_id", "user", "delete", "work that nobody goes on with"),
    Column("reviews", "reviewer_id", "user", "content", "the verdict stays, its comment follows the choice"),
    Column("comments", "author_id", "user", "content", "kept or withdrawn, as the person chooses"),
    Column("comments", "resolved_by", "user", "keep", "that it was settled; the column is a pseudonym", exported=False),
    Column("gold_answers", "created_by", "user", "keep", "the organisation's measure; the column is a pseudonym"),
    Column("round_assignees", "user_id", "user", "delete", "work that nobody goes on with"),
    Column("notifications", "user_id", "user", "delete", "lines for nobody"),
    Column("webhooks", "created_by", "user", "keep", "the organisation's address; a pseudonym", ("secret",)),
    Column("uploads", "user_id", "user", "delete", "files that wait for nobody"),
    Column("dataset_versions", "created_by", "user", "keep", "a frozen version; the column is a pseudonym"),
    Column("training_runs", "created_by", "user", "keep", "a run; the column is a pseudonym"),
    Column("findings", "created_by", "user", "keep", "a weakness of a model; withdrawn texts are taken out of it"),
    Column("jobs", "created_by", "user", "blank", "names and sources of uploaded files go, and the files"),
    Column("idempotent_answers", "user_id", "user", "delete", "kept for repeated requests", ("body", "fingerprint")),
    Column("audit_events", "actor", "user", "keep", "append-only and chained; holds ids and numbers, no name or text"),
)  # fmt: skip

BY_VALUE = {"rate_windows": "counters may be named by the address tried: those that hold it are deleted"}
"""Tables that name nobody in a column of their own, but may hold a person's address in a text."""

SUFFIXES = ("_by",)
NAMES = ("author_id", "reviewer_id", "user_id", "contributor_id", "person_id", "actor", "owner_id", "assignee_id")
OWNERS = ("users", "contributors", "persons")


def names_a_person(column: Any) -> bool:
    """Whether a column of the metadata points at a person: by a foreign key, or by its name."""
    points = any(key.column.table.name in OWNERS for key in column.foreign_keys)
    return points or column.name in NAMES or column.name.endswith(SUFFIXES)
