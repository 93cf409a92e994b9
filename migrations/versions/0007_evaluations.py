"""Reports of any systems on a test set, and the recipe that a run used. Frozen: a change of the tables is a new
migration.

Reports and answers of version 0.1.0 had exactly the systems "base" and "tuned"; they are converted. The two tables are
rebuilt, because SQLite cannot change a column of a table that another table refers to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

BATCH = 500
OPEN = ("queued", "running")
Payload = dict[str, Any]


def upgrade() -> None:
    op.add_column("training_runs", sa.Column("resolved_recipe", sa.JSON(), nullable=True))
    convert_open_recipes()
    for table in ("evaluation_answers", "evaluation_reports"):
        op.execute(f"CREATE TABLE {table}_old AS SELECT * FROM {table}")
        op.drop_table(table)
    create_tables()
    copy_reports()
    copy_answers()
    for table in ("evaluation_answers_old", "evaluation_reports_old"):
        op.drop_table(table)


def create_tables() -> None:
    op.create_table(
        "evaluation_reports",
        sa.Column("run_id", sa.String(length=32), nullable=True),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version_id", sa.String(length=32), nullable=True),
        sa.Column("split", sa.String(length=16), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["training_runs.id"], name="fk_evaluation_reports_run_id_training_runs"),
        sa.ForeignKeyConstraint(
            ["version_id"], ["dataset_versions.id"], name="fk_evaluation_reports_version_id_dataset_versions"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_evaluation_reports"),
        sa.UniqueConstraint("run_id", name="uq_evaluation_reports_run_id"),
    )
    op.create_index("ix_evaluation_reports_version_id", "evaluation_reports", ["version_id"], unique=False)
    op.create_table(
        "evaluation_answers",
        sa.Column("report_id", sa.String(length=32), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("example_id", sa.String(length=64), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["report_id"], ["evaluation_reports.id"], name="fk_evaluation_answers_report_id_evaluation_reports"
        ),
        sa.PrimaryKeyConstraint("report_id", "position", name="pk_evaluation_answers"),
    )


def copy_reports() -> None:
    old = table("evaluation_reports_old", "id", "created_at", "run_id")
    new = table("evaluation_reports", "id", "created_at", "run_id", "version_id", "split")
    runs = sa.table("training_runs", sa.column("id"), sa.column("version_id"))
    statement = sa.select(old, runs.c.version_id).join(runs, runs.c.id == old.c.run_id).order_by(old.c.id)
    copy(statement, new, lambda row: {**row, "split": "test", "payload": report(row["payload"])})


def copy_answers() -> None:
    names = ("report_id", "position", "example_id")
    old, new = table("evaluation_answers_old", *names), table("evaluation_answers", *names)
    statement = sa.select(old).order_by(old.c.report_id, old.c.position)
    copy(statement, new, lambda row: {**row, "payload": answer(row["payload"])})


def table(name: str, *columns: str) -> sa.TableClause:
    return sa.table(name, *map(sa.column, columns), sa.column("payload", sa.JSON()))


def copy(statement: sa.Select[Any], new: Any, convert: Callable[[Payload], Payload]) -> None:
    """Insert the converted rows, some at a time."""
    offset = 0
    while rows := op.get_bind().execute(statement.limit(BATCH).offset(offset)).mappings().all():
        op.get_bind().execute(sa.insert(new), [convert(dict(row)) for row in rows])
        offset += BATCH


def report(old: Payload) -> Payload:
    """A report with the fields of 0.1.0 to one of the systems "base" and "tuned"."""
    if "metrics" not in old:
        return old
    metrics = old["metrics"]
    rest = {name: old[name] for name in ("n", "primary", "contamination", "cost", "notes") if name in old}
    return {
        **rest,
        "systems": ["base", "tuned"],
        "metrics": {name: scores(metrics[name]) for name in metrics},
        "comparisons": [comparison(name, metrics[name]) for name in metrics],
        "baselines": old.get("references", {}),
        "slices": [
            {name: part[name] for name in ("tag", "value", "n", "metric")}
            | {"scores": scores(part), "comparisons": [comparison(part["metric"], part)]}
            for part in old.get("slices", [])
        ],
    }


def scores(result: Payload) -> Payload:
    return {"base": result["base"], "tuned": result["tuned"]}


def comparison(metric: str, result: Payload) -> Payload:
    return {"a": "tuned", "b": "base", "metric": metric, "delta": result["delta"]}


def answer(old: Payload) -> Payload:
    if "base" not in old:
        return old
    rest = {name: value for name, value in old.items() if name not in ("base", "tuned")}
    return {**rest, "outputs": scores(old)}


def convert_open_recipes() -> None:
    """In 0.1.0 the default number meant "choose for me". Ended runs keep the recipe as it was."""
    runs = sa.table(
        "training_runs", sa.column("id"), sa.column("state"), sa.column("recipe", sa.JSON(none_as_null=True))
    )
    statement = sa.select(runs.c.id, runs.c.recipe).where(runs.c.state.in_(OPEN))
    defaults = {"epochs": 6.0, "batch_tokens": 1024, "learning_rate": None}
    for run_id, recipe in op.get_bind().execute(statement).all():
        auto = {name: "auto" for name, default in defaults.items() if recipe.get(name) == default}
        op.execute(sa.update(runs).where(runs.c.id == run_id).values(recipe={**recipe, **auto}))
