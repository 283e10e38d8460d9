"""The first tables, and the triggers that keep audit log and timelines from being changed.

Revision: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from server.db import Json, Utc

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APPEND_ONLY = ("audit_entries", "ticket_timeline", "sighting_revisions")


def upgrade() -> None:
    """Create everything."""
    op.create_table(
        "agents",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("aircraft", sa.String(length=128), nullable=False),
        sa.Column("vehicle", sa.String(length=128), nullable=False),
        sa.Column("camera", Json, nullable=True),
        sa.Column("home", Json, nullable=True),
        sa.Column("seen_at", Utc(), nullable=True),
        sa.Column("demo", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_agents"),
        sa.UniqueConstraint("name", name="uq_agents_name"),
        sa.UniqueConstraint("token_hash", name="uq_agents_token_hash"),
    )
    op.create_table(
        "audit_entries",
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("data", Json, nullable=False),
        sa.Column("previous_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_audit_entries"),
    )
    op.create_index("ix_audit_entries_action", "audit_entries", ["action"], unique=False)
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_head"),
    )
    op.create_table(
        "cell_imports",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("imported_by", sa.String(length=64), nullable=False),
        sa.Column("cells", Json, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_cell_imports"),
    )
    op.create_table(
        "plans",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.Column("agent", sa.String(length=64), nullable=True),
        sa.Column("plan", Json, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_plans"),
    )
    op.create_index("ix_plans_created_at", "plans", ["created_at"], unique=False)
    op.create_table(
        "ticket_serials",
        sa.Column("day", sa.String(length=8), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", name="pk_ticket_serials"),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("username", sa.String(length=64), nullable=False),
        sa.Column("display_name", sa.String(length=128), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("roles", Json, nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("username", name="uq_users_username"),
    )
    op.create_table(
        "evidence_files",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("media_type", sa.String(length=64), nullable=False),
        sa.Column("stored_at", Utc(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name="fk_evidence_files_agent_id"),
        sa.PrimaryKeyConstraint("sha256", name="pk_evidence_files"),
    )
    op.create_table(
        "flights",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=True),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("phase", sa.String(length=16), nullable=False),
        sa.Column("phase_at", Utc(), nullable=True),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("created_by", sa.String(length=128), nullable=False),
        sa.Column("launched_at", Utc(), nullable=True),
        sa.Column("launched_by", sa.String(length=64), nullable=True),
        sa.Column("started_at", Utc(), nullable=True),
        sa.Column("finished_at", Utc(), nullable=True),
        sa.Column("heard_at", Utc(), nullable=True),
        sa.Column("abandoned", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name="fk_flights_agent_id"),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name="fk_flights_plan_id"),
        sa.PrimaryKeyConstraint("id", name="pk_flights"),
    )
    op.create_index("ix_flights_agent_id", "flights", ["agent_id"], unique=False)
    op.create_index("ix_flights_created_at", "flights", ["created_at"], unique=False)
    op.create_index("ix_flights_phase", "flights", ["phase"], unique=False)
    op.create_table(
        "sign_ins",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("expires_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_sign_ins_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("token_hash", name="pk_sign_ins"),
    )
    op.create_index("ix_sign_ins_expires_at", "sign_ins", ["expires_at"], unique=False)
    op.create_index("ix_sign_ins_user_id", "sign_ins", ["user_id"], unique=False)
    op.create_table(
        "flight_log",
        sa.Column("flight_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("level", sa.String(length=16), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("phase", sa.String(length=16), nullable=True),
        sa.ForeignKeyConstraint(["flight_id"], ["flights.id"], name="fk_flight_log_flight_id"),
        sa.PrimaryKeyConstraint("flight_id", "sequence", name="pk_flight_log"),
    )
    op.create_table(
        "flight_requests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("flight_id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("issued_at", Utc(), nullable=False),
        sa.Column("issued_by", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("answered_at", Utc(), nullable=True),
        sa.Column("handed_out_at", Utc(), nullable=True),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name="fk_flight_requests_agent_id"),
        sa.ForeignKeyConstraint(["flight_id"], ["flights.id"], name="fk_flight_requests_flight_id"),
        sa.PrimaryKeyConstraint("id", name="pk_flight_requests"),
    )
    op.create_index(
        "ix_flight_requests_agent_id_state", "flight_requests", ["agent_id", "state"], unique=False
    )
    op.create_index("ix_flight_requests_flight_id", "flight_requests", ["flight_id"], unique=False)
    op.create_table(
        "tickets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("priority", sa.String(length=16), nullable=False),
        sa.Column("priority_rank", sa.Integer(), nullable=False),
        sa.Column("confidence", sa.Float(precision=53), nullable=False),
        sa.Column("cell", sa.String(length=64), nullable=True),
        sa.Column("cell_name", sa.String(length=128), nullable=False),
        sa.Column("cell_fixed", sa.Boolean(), nullable=False),
        sa.Column("cell_probabilities", Json, nullable=False),
        sa.Column("latitude", sa.Float(precision=53), nullable=False),
        sa.Column("longitude", sa.Float(precision=53), nullable=False),
        sa.Column("covariance_ee_m2", sa.Float(precision=53), nullable=False),
        sa.Column("covariance_en_m2", sa.Float(precision=53), nullable=False),
        sa.Column("covariance_nn_m2", sa.Float(precision=53), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("opened_at", Utc(), nullable=False),
        sa.Column("updated_at", Utc(), nullable=False),
        sa.Column("first_seen_at", Utc(), nullable=False),
        sa.Column("last_seen_at", Utc(), nullable=False),
        sa.Column("sightings", sa.Integer(), nullable=False),
        sa.Column("flight_id", sa.Uuid(), nullable=True),
        sa.Column("thumbnail", sa.String(length=64), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("department", sa.String(length=128), nullable=True),
        sa.Column("acknowledged_at", Utc(), nullable=True),
        sa.Column("acknowledged_by", sa.String(length=64), nullable=True),
        sa.Column("due_at", Utc(), nullable=True),
        sa.ForeignKeyConstraint(["flight_id"], ["flights.id"], name="fk_tickets_flight_id"),
        sa.PrimaryKeyConstraint("id", name="pk_tickets"),
        sa.UniqueConstraint("number", name="uq_tickets_number"),
    )
    op.create_index("ix_tickets_cell_state", "tickets", ["cell", "state"], unique=False)
    op.create_index("ix_tickets_flight_id", "tickets", ["flight_id"], unique=False)
    op.create_index("ix_tickets_opened_at_id", "tickets", ["opened_at", "id"], unique=False)
    op.create_index(
        "ix_tickets_priority_rank_opened_at_id", "tickets", ["priority_rank", "opened_at", "id"], unique=False
    )
    op.create_index("ix_tickets_state_kind_latitude", "tickets", ["state", "kind", "latitude"], unique=False)
    op.create_index("ix_tickets_updated_at_id", "tickets", ["updated_at", "id"], unique=False)
    op.create_table(
        "track_points",
        sa.Column("flight_id", sa.Uuid(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("latitude", sa.Float(precision=53), nullable=False),
        sa.Column("longitude", sa.Float(precision=53), nullable=False),
        sa.Column("altitude_amsl_m", sa.Float(precision=53), nullable=False),
        sa.ForeignKeyConstraint(["flight_id"], ["flights.id"], name="fk_track_points_flight_id"),
        sa.PrimaryKeyConstraint("flight_id", "at", name="pk_track_points"),
    )
    op.create_table(
        "sightings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("confidence", sa.Float(precision=53), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("flight_id", sa.Uuid(), nullable=True),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("track_id", sa.Integer(), nullable=True),
        sa.Column("first_seen_at", Utc(), nullable=False),
        sa.Column("last_seen_at", Utc(), nullable=False),
        sa.Column("placed", sa.Boolean(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("latitude", sa.Float(precision=53), nullable=True),
        sa.Column("longitude", sa.Float(precision=53), nullable=True),
        sa.Column("altitude_amsl_m", sa.Float(precision=53), nullable=True),
        sa.Column("covariance_ee_m2", sa.Float(precision=53), nullable=True),
        sa.Column("covariance_en_m2", sa.Float(precision=53), nullable=True),
        sa.Column("covariance_nn_m2", sa.Float(precision=53), nullable=True),
        sa.Column("cell", sa.String(length=64), nullable=True),
        sa.Column("cell_probabilities", Json, nullable=False),
        sa.Column("people_count", sa.Integer(), nullable=True),
        sa.Column("zone", sa.String(length=64), nullable=True),
        sa.Column("reasons", Json, nullable=False),
        sa.Column("views", sa.Integer(), nullable=False),
        sa.Column("weights", sa.String(length=128), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=True),
        sa.Column("received_at", Utc(), nullable=False),
        sa.Column("updated_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name="fk_sightings_agent_id"),
        sa.ForeignKeyConstraint(["flight_id"], ["flights.id"], name="fk_sightings_flight_id"),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name="fk_sightings_ticket_id"),
        sa.PrimaryKeyConstraint("id", name="pk_sightings"),
    )
    op.create_index("ix_sightings_flight_id", "sightings", ["flight_id"], unique=False)
    op.create_index("ix_sightings_received_at", "sightings", ["received_at"], unique=False)
    op.create_index("ix_sightings_ticket_id", "sightings", ["ticket_id"], unique=False)
    op.create_table(
        "ticket_timeline",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("text_zh", sa.Text(), nullable=False),
        sa.Column("text_en", sa.Text(), nullable=False),
        sa.Column("data", Json, nullable=False),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name="fk_ticket_timeline_ticket_id"),
        sa.PrimaryKeyConstraint("id", name="pk_ticket_timeline"),
    )
    op.create_index("ix_ticket_timeline_ticket_id", "ticket_timeline", ["ticket_id"], unique=False)
    op.create_table(
        "evidence_links",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sighting_id", sa.Uuid(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("media_type", sa.String(length=64), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("captured_at", Utc(), nullable=False),
        sa.Column("redacted", sa.Boolean(), nullable=False),
        sa.Column("previous_sha256", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["sighting_id"], ["sightings.id"], name="fk_evidence_links_sighting_id"),
        sa.PrimaryKeyConstraint("id", name="pk_evidence_links"),
        sa.UniqueConstraint("sighting_id", "sha256", name="uq_evidence_links_sighting_id_sha256"),
    )
    op.create_index("ix_evidence_links_sha256", "evidence_links", ["sha256"], unique=False)
    op.create_index(
        "ix_evidence_links_sha256_redacted", "evidence_links", ["sha256", "redacted"], unique=False
    )
    op.create_table(
        "sighting_revisions",
        sa.Column("sighting_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("received_at", Utc(), nullable=False),
        sa.Column("message", Json, nullable=False),
        sa.Column("opened_ticket", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["sighting_id"], ["sightings.id"], name="fk_sighting_revisions_sighting_id"),
        sa.PrimaryKeyConstraint("sighting_id", "revision", name="pk_sighting_revisions"),
    )
    for table in APPEND_ONLY:
        _forbid_changes(table)


def downgrade() -> None:
    """Not offered: migrations go forward; restore a backup instead."""
    raise NotImplementedError("migrations go forward; restore a backup instead")


def _forbid_changes(table: str) -> None:
    sentence = f"{table} is append-only"
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"CREATE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{sentence}'; END $$"
        )
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse()"
        )
        return
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{sentence}'); END"
        )
