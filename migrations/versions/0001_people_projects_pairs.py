"""The ledger, the audit chain, people, projects and pairs. Frozen: a change of the tables is a new migration."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_audit()
    create_ledger()
    create_accounts()
    create_projects()
    create_guidelines()
    create_rounds()
    create_pairs()
    create_pair_index()


def create_audit() -> None:
    op.create_table(
        "audit_events",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=32), nullable=True),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("subject_kind", sa.String(length=40), nullable=False),
        sa.Column("subject_id", sa.String(length=64), nullable=False),
        sa.Column("project_id", sa.String(length=32), nullable=True),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("previous_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=("pk_audit_events")),
    )
    op.create_index(("ix_audit_events_actor"), "audit_events", ["actor"], unique=False)
    op.create_index(("ix_audit_events_project_id"), "audit_events", ["project_id"], unique=False)
    op.create_index("ix_audit_events_subject", "audit_events", ["subject_kind", "subject_id"], unique=False)


def create_ledger() -> None:
    op.create_table(
        "jobs",
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("token", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(length=100), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("progress_done", sa.Float(), nullable=False),
        sa.Column("progress_total", sa.Float(), nullable=False),
        sa.Column("eta_seconds", sa.Float(), nullable=True),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("project_id", sa.String(length=32), nullable=True),
        sa.Column("created_by", sa.String(length=32), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=("pk_jobs")),
    )
    op.create_index("ix_jobs_claim", "jobs", ["state", "kind", "id"], unique=False)
    op.create_index(("ix_jobs_project_id"), "jobs", ["project_id"], unique=False)
    op.create_table(
        "job_files",
        sa.Column("job_id", sa.String(length=32), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=("fk_job_files_job_id_jobs")),
        sa.PrimaryKeyConstraint("job_id", "sha256", name=("pk_job_files")),
    )


def create_accounts() -> None:
    op.create_table(
        "contributors",
        sa.Column("pseudonym", sa.String(length=40), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=("pk_contributors")),
        sa.UniqueConstraint("pseudonym", name=("uq_contributors_pseudonym")),
    )
    op.create_table(
        "persons",
        sa.Column("contributor_id", sa.String(length=32), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["contributor_id"], ["contributors.id"], name=("fk_persons_contributor_id_contributors")
        ),
        sa.PrimaryKeyConstraint("id", name=("pk_persons")),
        sa.UniqueConstraint("contributor_id", name=("uq_persons_contributor_id")),
        sa.UniqueConstraint("email", name=("uq_persons_email")),
    )
    op.create_table(
        "users",
        sa.Column("contributor_id", sa.String(length=32), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=False),
        sa.Column("is_admin", sa.Boolean(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["contributor_id"], ["contributors.id"], name=("fk_users_contributor_id_contributors")),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=("fk_users_person_id_persons")),
        sa.PrimaryKeyConstraint("id", name=("pk_users")),
        sa.UniqueConstraint("contributor_id", name=("uq_users_contributor_id")),
        sa.UniqueConstraint("person_id", name=("uq_users_person_id")),
    )
    op.create_table(
        "api_tokens",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("read_only", sa.Boolean(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=("fk_api_tokens_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=("pk_api_tokens")),
        sa.UniqueConstraint("digest", name=("uq_api_tokens_digest")),
    )
    op.create_index(("ix_api_tokens_user_id"), "api_tokens", ["user_id"], unique=False)
    op.create_table(
        "sign_in_links",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=("fk_sign_in_links_user_id_users")),
        sa.PrimaryKeyConstraint("digest", name=("pk_sign_in_links")),
    )
    op.create_index(("ix_sign_in_links_user_id"), "sign_in_links", ["user_id"], unique=False)
    op.create_table(
        "web_sessions",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=("fk_web_sessions_user_id_users")),
        sa.PrimaryKeyConstraint("digest", name=("pk_web_sessions")),
    )
    op.create_index(("ix_web_sessions_user_id"), "web_sessions", ["user_id"], unique=False)


def create_projects() -> None:
    op.create_table(
        "projects",
        sa.Column("slug", sa.String(length=60), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("task", sa.String(length=20), nullable=False),
        sa.Column("languages", sa.JSON(), nullable=False),
        sa.Column("domains", sa.JSON(), nullable=False),
        sa.Column("criteria", sa.JSON(), nullable=False),
        sa.Column("overlap", sa.Integer(), nullable=False),
        sa.Column("base_model", sa.String(length=200), nullable=False),
        sa.Column("created_by", sa.String(length=32), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=("fk_projects_created_by_users")),
        sa.PrimaryKeyConstraint("id", name=("pk_projects")),
        sa.UniqueConstraint("slug", name=("uq_projects_slug")),
    )
    op.create_table(
        "memberships",
        sa.Column("project_id", sa.String(length=32), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=("fk_memberships_project_id_projects")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=("fk_memberships_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=("pk_memberships")),
        sa.UniqueConstraint("project_id", "user_id", name=("uq_memberships_project_id_user_id")),
    )
    op.create_index(("ix_memberships_project_id"), "memberships", ["project_id"], unique=False)
    op.create_index(("ix_memberships_user_id"), "memberships", ["user_id"], unique=False)


def create_guidelines() -> None:
    op.create_table(
        "guidelines",
        sa.Column("project_id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("published_by", sa.String(length=32), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=("fk_guidelines_project_id_projects")),
        sa.PrimaryKeyConstraint("id", name=("pk_guidelines")),
        sa.UniqueConstraint("project_id", "number", name=("uq_guidelines_project_id_number")),
    )


def create_rounds() -> None:
    op.create_table(
        "rounds",
        sa.Column("project_id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=160), nullable=False),
        sa.Column("brief", sa.Text(), nullable=False),
        sa.Column("targets", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("guideline_id", sa.String(length=32), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["guideline_id"], ["guidelines.id"], name=("fk_rounds_guideline_id_guidelines")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=("fk_rounds_project_id_projects")),
        sa.PrimaryKeyConstraint("id", name=("pk_rounds")),
        sa.UniqueConstraint("project_id", "number", name=("uq_rounds_project_id_number")),
    )


def create_pairs() -> None:
    op.create_table(
        "pairs",
        sa.Column("project_id", sa.String(length=32), nullable=False),
        sa.Column("author_id", sa.String(length=32), nullable=False),
        sa.Column("round_id", sa.String(length=32), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("current_revision_id", sa.String(length=64), nullable=False),
        sa.Column("submitted_revision_id", sa.String(length=64), nullable=True),
        sa.Column("discarded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["users.id"], name=("fk_pairs_author_id_users")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=("fk_pairs_project_id_projects")),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.id"], name=("fk_pairs_round_id_rounds")),
        sa.PrimaryKeyConstraint("id", name=("pk_pairs")),
    )
    op.create_index("ix_pairs_author", "pairs", ["project_id", "author_id", "id"], unique=False)
    op.create_index("ix_pairs_list", "pairs", ["project_id", "state", "id"], unique=False)
    op.create_index(("ix_pairs_round_id"), "pairs", ["round_id"], unique=False)
    op.create_table(
        "revisions",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("pair_id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("author_id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("messages", sa.JSON(), nullable=False),
        sa.Column("context", sa.JSON(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("licence", sa.String(length=120), nullable=False),
        sa.Column("problems", sa.JSON(), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("completion", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["users.id"], name=("fk_revisions_author_id_users")),
        sa.ForeignKeyConstraint(["pair_id"], ["pairs.id"], name=("fk_revisions_pair_id_pairs")),
        sa.PrimaryKeyConstraint("id", name=("pk_revisions")),
        sa.UniqueConstraint("pair_id", "number", name=("uq_revisions_pair_id_number")),
    )


def create_pair_index() -> None:
    op.create_table(
        "pair_bands",
        sa.Column("pair_id", sa.String(length=32), nullable=False),
        sa.Column("key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("project_id", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["pair_id"], ["pairs.id"], name=("fk_pair_bands_pair_id_pairs")),
        sa.PrimaryKeyConstraint("pair_id", "key", name=("pk_pair_bands")),
    )
    op.create_index("ix_pair_bands_key", "pair_bands", ["project_id", "key"], unique=False)
    op.create_table(
        "pair_tags",
        sa.Column("pair_id", sa.String(length=32), nullable=False),
        sa.Column("tag", sa.String(length=60), nullable=False),
        sa.Column("value", sa.String(length=120), nullable=False),
        sa.Column("project_id", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["pair_id"], ["pairs.id"], name=("fk_pair_tags_pair_id_pairs")),
        sa.PrimaryKeyConstraint("pair_id", "tag", name=("pk_pair_tags")),
    )
    op.create_index("ix_pair_tags_filter", "pair_tags", ["project_id", "tag", "value", "pair_id"], unique=False)


def downgrade() -> None:
    for table in (
        "pair_tags",
        "pair_bands",
        "revisions",
        "pairs",
        "rounds",
        "guidelines",
        "memberships",
        "projects",
        "web_sessions",
        "sign_in_links",
        "api_tokens",
        "users",
        "persons",
        "contributors",
        "job_files",
        "jobs",
        "audit_events",
    ):
        op.drop_table(table)
