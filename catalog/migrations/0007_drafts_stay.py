"""What was decided of prices stays: no truncate, and no delete of a draft that a price began with."""

from django.db import migrations

STAY = """
CREATE FUNCTION catalog_decided_drafts_stay() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' OR OLD.state = 'accepted' AND OLD.price_id IS NOT NULL THEN
        RAISE EXCEPTION 'price drafts that were accepted stay: % is refused', TG_OP
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'price_proposal_stays';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER price_proposal_stays BEFORE DELETE ON catalog_priceproposal
    FOR EACH ROW EXECUTE FUNCTION catalog_decided_drafts_stay();
CREATE TRIGGER price_proposal_never_truncated BEFORE TRUNCATE ON catalog_priceproposal
    FOR EACH STATEMENT EXECUTE FUNCTION catalog_decided_drafts_stay();
"""
STAY_REVERSE = """
DROP TRIGGER price_proposal_never_truncated ON catalog_priceproposal;
DROP TRIGGER price_proposal_stays ON catalog_priceproposal;
DROP FUNCTION catalog_decided_drafts_stay();
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0006_price_book")]

    operations = [migrations.RunSQL(STAY, STAY_REVERSE)]
