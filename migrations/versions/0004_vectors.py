"""Vectors of meaning. The bands of the duplicate index are computed anew: they are emptied, and a job fills them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_vectors()
    op.execute("DELETE FROM pair_bands")


def create_vectors() -> None:
    op.create_table(
        "pair_vectors",
        sa.Column("pair_id", sa.String(length=32), nullable=False),
        sa.Column("project_id", sa.String(length=32), nullable=False),
        sa.Column("revision_id", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("codes", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["pair_id"], ["pairs.id"], name="fk_pair_vectors_pair_id_pairs"),
        sa.PrimaryKeyConstraint("pair_id", name="pk_pair_vectors"),
    )
    op.create_index("ix_pair_vectors_position", "pair_vectors", ["project_id", "position"], unique=True)
