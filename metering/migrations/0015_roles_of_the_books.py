"""Who may do what with the books: two more roles, and what the others may of the new tables.

Auditor         sees everything that Finance sees, and exports; changes nothing
Finance         the same; corrects, closes months, reconciles, drafts prices
Approver        sees everything; decides what others ask for: drafts of prices, raises, reopening a month
Catalog admin   keeps the catalog and drafts prices, as before; decides about none
Platform admin  everything but what nobody may
Team lead       as before; asks for raises of their own teams (by leading them, without a permission)

What belongs to the books is written by use cases that ask for a permission of their own; nobody adds, changes or
deletes a row of it.
"""

from django.contrib.auth.management import create_permissions
from django.db import migrations

BOOKS = {
    *(
        "correctionbatch",
        "billingperiod",
        "closing",
        "closedteam",
        "closedline",
        "closedblock",
        "closingwaiver",
    ),
    *("reopening", "limitraise", "budgetnotice", "noticedelivery"),
    *("vendorreport", "vendorcost", "reconciliationrun", "reconciliationline", "gapexplanation", "signoff"),
    "pricefeed",
}
KEPT_BY_PEOPLE = {"teambudgets", "webhook", "vendoralias", "vendoraccount", "reportcredential"}
SECRET = {"view_webhook", "view_reportcredential"}  # addresses and keys: whoever keeps them
SEEN = {f"view_{model}" for model in BOOKS | KEPT_BY_PEOPLE} - SECRET
RECONCILING = {  # whoever may add a report, a comparison or an explanation does so on the page
    *("sign_reconciliation", "add_vendorreport", "add_reconciliationrun", "add_gapexplanation"),
    *(
        f"{verb}_{model}"
        for verb in ("add", "change", "delete")
        for model in ("vendoralias", "vendoraccount")
    ),
}
DECIDING = {"approve_priceproposal", "approve_limitraise", "approve_reopening", "sign_reconciliation"}
FINANCE = {"correct_costentry", "close_billingperiod", "add_priceproposal"} | RECONCILING
KEEPING = SECRET | {f"{verb}_{model}" for verb in ("add", "change", "delete") for model in KEPT_BY_PEOPLE}
ROLES = {
    "Finance": SEEN | FINANCE,
    "Approver": SEEN | DECIDING,
    "Auditor": SEEN,
    "Catalog admin": SEEN,
    "Platform admin": SEEN | FINANCE | DECIDING | KEEPING | {"ask_limitraise"},
    "Team lead": {"view_limitraise"},
}
NEW = ("Approver", "Auditor")  # begin with what Finance saw until now
BY_NOBODY = {f"{verb}_{model}" for verb in ("add", "change", "delete") for model in BOOKS} - RECONCILING
LABELS = ("catalog", "metering", "proxy")


def grant(apps, schema_editor):
    alias = schema_editor.connection.alias
    for label in LABELS:
        _make_permissions(apps, label, alias)
    Group = apps.get_model("auth", "Group")
    finance = Group.objects.using(alias).filter(name="Finance").first()
    for name in NEW:
        group, made = Group.objects.using(alias).get_or_create(name=name)
        if made and finance is not None:
            group.permissions.add(*finance.permissions.filter(codename__startswith="view_"))
    for name, codenames in ROLES.items():
        group = Group.objects.using(alias).filter(name=name).first()
        if group is not None:  # an operator may have removed it
            group.permissions.add(*_ours(apps, alias, codenames))
            group.permissions.remove(*_ours(apps, alias, BY_NOBODY | (SECRET - codenames)))


def revoke(apps, schema_editor):
    alias = schema_editor.connection.alias
    Group = apps.get_model("auth", "Group")
    Group.objects.using(alias).filter(name__in=NEW).delete()
    for name, codenames in ROLES.items():
        for group in Group.objects.using(alias).filter(name=name):
            group.permissions.remove(*_ours(apps, alias, codenames))


def _ours(apps, alias, codenames):
    Permission = apps.get_model("auth", "Permission")
    return Permission.objects.using(alias).filter(content_type__app_label__in=LABELS, codename__in=codenames)


def _make_permissions(apps, label, alias):
    """On a fresh database Django makes permissions after the last migration: too late for groups made in one."""
    config = apps.get_app_config(label)
    config.models_module = True  # what create_permissions looks at; the migration's own app registry has none
    create_permissions(config, verbosity=0, using=alias, apps=apps)
    config.models_module = None


class Migration(migrations.Migration):
    dependencies = [
        ("metering", "0014_reconciliation"),
        ("catalog", "0006_price_book"),
        ("proxy", "0004_idempotency"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="correctionbatch",
            options={
                "ordering": ["-id"],
                "permissions": [("correct_costentry", "Can correct cost entries: re-rate and adjust")],
                "verbose_name_plural": "correction batches",
            },
        ),
        migrations.RunPython(grant, revoke),
    ]
