"""What an approver saw that a draft would change is kept with the decision, and never changes after it."""

from django.db import migrations, models

# As in migration 0006 (Note [Drafts are kept]), with the impact as a part of the decision.
KEPT = """
CREATE OR REPLACE FUNCTION catalog_draft_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    decision text[] := ARRAY['state', 'decided_by', 'decided_at', 'self_approved', 'impact'];
    links text[] := ARRAY['current_id', 'price_id'];
BEGIN
    IF to_jsonb(NEW) - decision - links IS DISTINCT FROM to_jsonb(OLD) - decision - links
        OR NEW.current_id IS DISTINCT FROM OLD.current_id AND NEW.current_id IS NOT NULL
    THEN
        RAISE EXCEPTION 'what draft % says cannot be changed', OLD.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'price_proposal_kept',
                  HINT = 'Withdraw it and make another.';
    END IF;
    IF OLD.state <> 'open' AND (
        to_jsonb(NEW) - links IS DISTINCT FROM to_jsonb(OLD) - links
        OR NEW.price_id IS DISTINCT FROM OLD.price_id AND NEW.price_id IS NOT NULL
    ) THEN
        RAISE EXCEPTION 'draft % was decided before', OLD.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'price_proposal_decided_once';
    END IF;
    RETURN NEW;
END $$;
"""
KEPT_REVERSE = """
CREATE OR REPLACE FUNCTION catalog_draft_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    decision text[] := ARRAY['state', 'decided_by', 'decided_at', 'self_approved'];
    links text[] := ARRAY['current_id', 'price_id'];
BEGIN
    IF to_jsonb(NEW) - decision - links IS DISTINCT FROM to_jsonb(OLD) - decision - links
        OR NEW.current_id IS DISTINCT FROM OLD.current_id AND NEW.current_id IS NOT NULL
    THEN
        RAISE EXCEPTION 'what draft % says cannot be changed', OLD.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'price_proposal_kept',
                  HINT = 'Withdraw it and make another.';
    END IF;
    IF OLD.state <> 'open' AND (
        to_jsonb(NEW) - links IS DISTINCT FROM to_jsonb(OLD) - links
        OR NEW.price_id IS DISTINCT FROM OLD.price_id AND NEW.price_id IS NOT NULL
    ) THEN
        RAISE EXCEPTION 'draft % was decided before', OLD.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'price_proposal_decided_once';
    END IF;
    RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0008_key_rotation")]

    operations = [
        migrations.AddField(
            model_name="priceproposal",
            name="impact",
            field=models.JSONField(
                blank=True,
                help_text="What it would have changed, as told when it was decided; amounts are strings.",
                null=True,
            ),
        ),
        migrations.RunSQL(KEPT, KEPT_REVERSE),
    ]
