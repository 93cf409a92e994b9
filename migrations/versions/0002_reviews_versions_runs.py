"""Reviews, dataset versions, runs, reports and findings. Frozen: a change of the tables is a new migration."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_reviews()
    create_datasets()
    create_training()
    create_registry()
    create_evaluation()
    create_findings()


def create_reviews() -> None:
    op.create_table(
        "leases",
        sa.Column("pair_id", sa.String(length=32), nullable=False),
        sa.Column("reviewer_id", sa.String(length=32), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["pair_id"], ["pairs.id"], name=("fk_leases_pair_id_pairs")),
        sa.ForeignKeyConstraint(["reviewer_id"], ["users.id"], name=("fk_leases_reviewer_id_users")),
        sa.PrimaryKeyConstraint("id", name=("pk_leases")),
        sa.UniqueConstraint("pair_id", name=("uq_leases_pair_id")),
    )
    op.create_index(("ix_leases_reviewer_id"), "leases", ["reviewer_id"], unique=False)
    op.create_table(
        "reviews",
        sa.Column("pair_id", sa.String(length=32), nullable=False),
        sa.Column("revision_id", sa.String(length=64), nullable=False),
        sa.Column("reviewed_revision_id", sa.String(length=64), nullable=False),
        sa.Column("reviewer_id", sa.String(length=32), nullable=False),
        sa.Column("decision", sa.String(length=20), nullable=False),
        sa.Column("ratings", sa.JSON(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("guideline_id", sa.String(length=32), nullable=True),
        sa.Column("bulk", sa.Boolean(), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["guideline_id"], ["guidelines.id"], name=("fk_reviews_guideline_id_guidelines")),
        sa.ForeignKeyConstraint(["pair_id"], ["pairs.id"], name=("fk_reviews_pair_id_pairs")),
        sa.ForeignKeyConstraint(["reviewer_id"], ["users.id"], name=("fk_reviews_reviewer_id_users")),
        sa.ForeignKeyConstraint(["revision_id"], ["revisions.id"], name=("fk_reviews_revision_id_revisions")),
        sa.PrimaryKeyConstraint("id", name=("pk_reviews")),
    )
    op.create_index("ix_reviews_pair", "reviews", ["pair_id", "id"], unique=False)
    op.create_index("ix_reviews_reviewer", "reviews", ["reviewer_id", "id"], unique=False)


def create_datasets() -> None:
    op.create_table(
        "dataset_versions",
        sa.Column("project_id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("splits", sa.JSON(), nullable=False),
        sa.Column("filters", sa.JSON(), nullable=False),
        sa.Column("deduplicate", sa.Boolean(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("distribution", sa.JSON(), nullable=False),
        sa.Column("leak_report", sa.JSON(), nullable=False),
        sa.Column("created_by", sa.String(length=32), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=("fk_dataset_versions_project_id_projects")),
        sa.PrimaryKeyConstraint("id", name=("pk_dataset_versions")),
        sa.UniqueConstraint("project_id", "number", name=("uq_dataset_versions_project_id_number")),
    )
    op.create_table(
        "version_items",
        sa.Column("version_id", sa.String(length=32), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("revision_id", sa.String(length=64), nullable=False),
        sa.Column("pair_id", sa.String(length=32), nullable=False),
        sa.Column("split", sa.String(length=12), nullable=False),
        sa.Column("cluster", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["revision_id"], ["revisions.id"], name=("fk_version_items_revision_id_revisions")),
        sa.ForeignKeyConstraint(
            ["version_id"], ["dataset_versions.id"], name=("fk_version_items_version_id_dataset_versions")
        ),
        sa.PrimaryKeyConstraint("version_id", "position", name=("pk_version_items")),
    )
    op.create_index(("ix_version_items_revision_id"), "version_items", ["revision_id"], unique=False)


def create_training() -> None:
    op.create_table(
        "training_runs",
        sa.Column("project_id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.String(length=32), nullable=False),
        sa.Column("job_id", sa.String(length=32), nullable=False),
        sa.Column("recipe", sa.JSON(), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("created_by", sa.String(length=32), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=("fk_training_runs_job_id_jobs")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=("fk_training_runs_project_id_projects")),
        sa.ForeignKeyConstraint(
            ["version_id"], ["dataset_versions.id"], name=("fk_training_runs_version_id_dataset_versions")
        ),
        sa.PrimaryKeyConstraint("id", name=("pk_training_runs")),
        sa.UniqueConstraint("job_id", name=("uq_training_runs_job_id")),
        sa.UniqueConstraint("project_id", "number", name=("uq_training_runs_project_id_number")),
    )
    op.create_index(("ix_training_runs_version_id"), "training_runs", ["version_id"], unique=False)
    op.create_table(
        "run_events",
        sa.Column("run_id", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["training_runs.id"], name=("fk_run_events_run_id_training_runs")),
        sa.PrimaryKeyConstraint("run_id", "seq", name=("pk_run_events")),
    )


def create_registry() -> None:
    op.create_table(
        "model_versions",
        sa.Column("project_id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("artifacts", sa.JSON(), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=("fk_model_versions_project_id_projects")),
        sa.ForeignKeyConstraint(["run_id"], ["training_runs.id"], name=("fk_model_versions_run_id_training_runs")),
        sa.PrimaryKeyConstraint("id", name=("pk_model_versions")),
        sa.UniqueConstraint("project_id", "number", name=("uq_model_versions_project_id_number")),
        sa.UniqueConstraint("run_id", name=("uq_model_versions_run_id")),
    )


def create_evaluation() -> None:
    op.create_table(
        "evaluation_reports",
        sa.Column("run_id", sa.String(length=32), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["training_runs.id"], name=("fk_evaluation_reports_run_id_training_runs")),
        sa.PrimaryKeyConstraint("id", name=("pk_evaluation_reports")),
        sa.UniqueConstraint("run_id", name=("uq_evaluation_reports_run_id")),
    )
    op.create_table(
        "evaluation_answers",
        sa.Column("report_id", sa.String(length=32), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("example_id", sa.String(length=64), nullable=False),
        sa.Column("base_right", sa.Boolean(), nullable=False),
        sa.Column("tuned_right", sa.Boolean(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["report_id"], ["evaluation_reports.id"], name=("fk_evaluation_answers_report_id_evaluation_reports")
        ),
        sa.PrimaryKeyConstraint("report_id", "position", name=("pk_evaluation_answers")),
    )


def create_findings() -> None:
    op.create_table(
        "findings",
        sa.Column("project_id", sa.String(length=32), nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=False),
        sa.Column("tag", sa.String(length=60), nullable=False),
        sa.Column("value", sa.String(length=120), nullable=False),
        sa.Column("title", sa.String(length=160), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("failing", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("round_id", sa.String(length=32), nullable=True),
        sa.Column("created_by", sa.String(length=32), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=("fk_findings_project_id_projects")),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.id"], name=("fk_findings_round_id_rounds")),
        sa.ForeignKeyConstraint(["run_id"], ["training_runs.id"], name=("fk_findings_run_id_training_runs")),
        sa.PrimaryKeyConstraint("id", name=("pk_findings")),
    )
    op.create_index(("ix_findings_project_id"), "findings", ["project_id"], unique=False)


def downgrade() -> None:
    for table in (
        "findings",
        "evaluation_answers",
        "evaluation_reports",
        "model_versions",
        "run_events",
        "training_runs",
        "version_items",
        "dataset_versions",
        "reviews",
        "leases",
    ):
        op.drop_table(table)
