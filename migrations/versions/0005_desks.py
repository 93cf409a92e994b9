"""The two desks: settings of a project, declared help, waivers, independent opinions, gold pairs, comments, deadlines,
notifications and webhooks, uploads that wait for their mapping.

Frozen: a change of the tables is a new migration.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_columns()
    create_indexes()
    share_leases()
    create_gold()
    create_comments()
    create_assignees()
    create_notifications()
    create_uploads()


def add_columns() -> None:
    op.add_column("projects", sa.Column("settings", sa.JSON(), nullable=True))
    op.add_column("revisions", sa.Column("assistance", sa.String(length=20), nullable=True))
    op.add_column("revisions", sa.Column("pasted_share", sa.Float(), nullable=True))
    op.add_column("revisions", sa.Column("waivers", sa.JSON(), nullable=True))
    op.add_column("pairs", sa.Column("opinions", sa.Integer(), nullable=True))
    op.add_column("pairs", sa.Column("is_gold", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index(
        "ix_pairs_gold",
        "pairs",
        ["project_id", "state"],
        sqlite_where=sa.text("is_gold = 1"),
        postgresql_where=sa.text("is_gold"),
    )
    op.add_column("reviews", sa.Column("kind", sa.String(length=16), nullable=False, server_default="review"))
    op.add_column("rounds", sa.Column("deadline", sa.DateTime(timezone=True), nullable=True))


def share_leases() -> None:
    """One lease a reviewer on a pair, no longer one a pair: several opinions may be written at once."""
    names = ("pair_id", "reviewer_id", "expires_at", "id", "created_at")
    kinds = {name: sa.DateTime(timezone=True) for name in ("expires_at", "created_at")}
    columns = sa.table("leases", *(sa.column(name, kinds.get(name, sa.String())) for name in names))
    kept = [dict(row) for row in op.get_bind().execute(sa.select(columns)).mappings()]
    op.drop_table("leases")  # SQLite changes no constraint in place; made anew, the table is the same text each time
    op.create_table(
        "leases",
        sa.Column("pair_id", sa.String(length=32), nullable=False),
        sa.Column("reviewer_id", sa.String(length=32), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["pair_id"], ["pairs.id"], name="fk_leases_pair_id_pairs"),
        sa.ForeignKeyConstraint(["reviewer_id"], ["users.id"], name="fk_leases_reviewer_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_leases"),
        sa.UniqueConstraint("pair_id", "reviewer_id", name="uq_leases_pair_id_reviewer_id"),
    )
    op.create_index("ix_leases_reviewer_id", "leases", ["reviewer_id"], unique=False)
    op.bulk_insert(columns, kept)


def create_indexes() -> None:
    """The list without a filter, and "has this reviewer judged it?", at 100,000 pairs."""
    op.create_index("ix_pairs_newest", "pairs", ["project_id", "id"], unique=False)
    op.create_index("ix_reviews_judged", "reviews", ["pair_id", "reviewer_id"], unique=False)


def create_gold() -> None:
    op.create_table(
        "gold_answers",
        sa.Column("pair_id", sa.String(length=32), nullable=False),
        sa.Column("decision", sa.String(length=20), nullable=False),
        sa.Column("ratings", sa.JSON(), nullable=False),
        sa.Column("explanation", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_by", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["pair_id"], ["pairs.id"], name="fk_gold_answers_pair_id_pairs"),
        sa.PrimaryKeyConstraint("pair_id", name="pk_gold_answers"),
    )


def create_comments() -> None:
    op.create_table(
        "comments",
        sa.Column("pair_id", sa.String(length=32), nullable=False),
        sa.Column("revision_id", sa.String(length=64), nullable=False),
        sa.Column("author_id", sa.String(length=32), nullable=False),
        sa.Column("parent_id", sa.String(length=32), nullable=True),
        sa.Column("field", sa.String(length=40), nullable=False),
        sa.Column("start", sa.Integer(), nullable=True),
        sa.Column("end", sa.Integer(), nullable=True),
        sa.Column("quote", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_by", sa.String(length=32), nullable=True),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["pair_id"], ["pairs.id"], name="fk_comments_pair_id_pairs"),
        sa.ForeignKeyConstraint(["author_id"], ["users.id"], name="fk_comments_author_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_comments"),
    )
    op.create_index("ix_comments_pair", "comments", ["pair_id", "id"], unique=False)


def create_assignees() -> None:
    op.create_table(
        "round_assignees",
        sa.Column("round_id", sa.String(length=32), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("count", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.id"], name="fk_round_assignees_round_id_rounds"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_round_assignees_user_id_users"),
        sa.PrimaryKeyConstraint("round_id", "user_id", name="pk_round_assignees"),
    )


def create_notifications() -> None:
    op.create_table(
        "notifications",
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("project_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("subject_kind", sa.String(length=40), nullable=False),
        sa.Column("subject_id", sa.String(length=64), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_notifications_project_id_projects"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_notifications_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_notifications"),
    )
    op.create_index("ix_notifications_user", "notifications", ["user_id", "read_at", "id"], unique=False)
    op.create_table(
        "webhooks",
        sa.Column("project_id", sa.String(length=32), nullable=False),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("kinds", sa.JSON(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_by", sa.String(length=32), nullable=False),
        sa.Column("last_sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.String(length=200), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_webhooks_project_id_projects"),
        sa.PrimaryKeyConstraint("id", name="pk_webhooks"),
    )
    op.create_index("ix_webhooks_project_id", "webhooks", ["project_id"], unique=False)


def create_uploads() -> None:
    op.create_table(
        "uploads",
        sa.Column("project_id", sa.String(length=32), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("filename", sa.String(length=200), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_uploads_project_id_projects"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_uploads_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_uploads"),
    )
    op.create_index("ix_uploads_project_id", "uploads", ["project_id"], unique=False)
