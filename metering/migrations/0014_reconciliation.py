"""What vendors say they charged, beside the ledger: their reports, comparisons with them, and signatures.

Note [Reports are kept]: reports and their lines, comparisons and people's explanations only grow; a signature
changes once, from waiting to signed or withdrawn. Triggers refuse the rest, for whoever writes.
"""

import django.core.serializers.json
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models

GROWING = ("vendorreport", "vendorcost", "reconciliationrun", "reconciliationline", "gapexplanation")
KEPT = """
CREATE FUNCTION metering_reconciliation_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'reconciliations only grow: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE FUNCTION metering_sign_off_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' OR OLD.state <> 'waiting'
        OR (NEW.run_id, NEW.needs_two, NEW.note, NEW.asked_by_id, NEW.asked_at)
            IS DISTINCT FROM (OLD.run_id, OLD.needs_two, OLD.note, OLD.asked_by_id, OLD.asked_at)
    THEN
        RAISE EXCEPTION 'signatures are kept: % is refused', TG_OP USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER sign_off_is_kept BEFORE UPDATE OR DELETE ON metering_signoff
    FOR EACH ROW EXECUTE FUNCTION metering_sign_off_is_kept();
CREATE TRIGGER sign_off_never_truncated BEFORE TRUNCATE ON metering_signoff
    FOR EACH STATEMENT EXECUTE FUNCTION metering_sign_off_is_kept();
""" + "".join(
    f"""
CREATE TRIGGER {table}_only_grows BEFORE UPDATE OR DELETE ON metering_{table}
    FOR EACH ROW EXECUTE FUNCTION metering_reconciliation_only_grows();
CREATE TRIGGER {table}_never_truncated BEFORE TRUNCATE ON metering_{table}
    FOR EACH STATEMENT EXECUTE FUNCTION metering_reconciliation_only_grows();
"""
    for table in GROWING
)
KEPT_REVERSE = "".join(
    f"""
DROP TRIGGER {table}_only_grows ON metering_{table};
DROP TRIGGER {table}_never_truncated ON metering_{table};
"""
    for table in GROWING
) + """
DROP TRIGGER sign_off_never_truncated ON metering_signoff;
DROP TRIGGER sign_off_is_kept ON metering_signoff;
DROP FUNCTION metering_sign_off_is_kept();
DROP FUNCTION metering_reconciliation_only_grows();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0006_price_book"),
        ("metering", "0013_closing"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ReconciliationRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('month', models.DateField(help_text='Its first day; UTC.')),
                ('as_of', models.DateTimeField(help_text='Entries and reports of later are not in it.')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('created_by', models.CharField(max_length=150)),
                ('state', models.CharField(choices=[('matched', 'matched'), ('explained', 'explained'), ('open', 'open'), ('incomplete', 'days without a report')], max_length=10)),
                ('ours', models.DecimalField(decimal_places=20, help_text='USD by the ledger.', max_digits=38)),
                ('theirs', models.DecimalField(decimal_places=20, help_text='USD by the vendor; NULL: no report says.', max_digits=38, null=True)),
                ('gap', models.DecimalField(decimal_places=20, help_text='Theirs less ours, on the days that have a report.', max_digits=38, null=True)),
                ('open_gap', models.DecimalField(decimal_places=20, help_text='Sum of the open gaps, whatever their sign.', max_digits=38)),
                ('tolerance', models.DecimalField(decimal_places=20, help_text='max($1.00, half a cent x sqrt(lines)).', max_digits=38)),
                ('vendor_lines', models.PositiveIntegerField()),
                ('uncovered_days', models.PositiveSmallIntegerField(help_text='Days with calls and without a cost report.')),
                ('unpriced', models.BigIntegerField(help_text='Entries of unknown cost.')),
                ('oldest_open', models.DateField(null=True)),
                ('digest', models.CharField(help_text='SHA-256 of all lines.', max_length=64)),
                ('provider', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.provider')),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='ReconciliationLine',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('day', models.DateField(help_text='UTC.')),
                ('model', models.CharField(blank=True, help_text='Ours where it is known, else theirs.', max_length=200)),
                ('meter', models.CharField(choices=[('input', 'input'), ('cache_read', 'cache read'), ('cache_write_5m', 'cache write'), ('cache_write_1h', 'cache write, long'), ('output', 'output and reasoning'), ('audio_input', 'audio input'), ('audio_output', 'audio output'), ('requests', 'searches and fees per request'), ('all', 'all token types'), ('tool', 'tools that are not tokens'), ('credit', 'credits and discounts'), ('tax', 'tax'), ('rounding', "the vendor's rounding"), ('adjustment', "the vendor's adjustment"), ('unmapped', 'not mapped yet')], max_length=14)),
                ('item', models.CharField(blank=True, help_text="The vendor's line, where it is not tokens.", max_length=300)),
                ('ours_quantity', models.DecimalField(decimal_places=6, max_digits=30, null=True)),
                ('theirs_quantity', models.DecimalField(decimal_places=6, max_digits=30, null=True)),
                ('ours_usd', models.DecimalField(decimal_places=20, max_digits=38, null=True)),
                ('theirs_usd', models.DecimalField(decimal_places=20, max_digits=38, null=True)),
                ('gap_quantity', models.DecimalField(decimal_places=6, max_digits=30, null=True)),
                ('gap_usd', models.DecimalField(decimal_places=20, max_digits=38, null=True)),
                ('status', models.CharField(choices=[('matched', 'matched'), ('explained', 'explained'), ('open', 'open'), ('unreported', 'no report of the day')], max_length=10)),
                ('triage', models.CharField(blank=True, choices=[('', 'nothing'), ('quantity', 'the quantity differs'), ('price', 'same quantity, another price'), ('money', 'the money differs, the quantity is not told')], max_length=8)),
                ('reason', models.CharField(blank=True, choices=[('TZ', 'days of another time zone'), ('BYPASS', 'used outside the gateway'), ('CACHE', 'cached tokens counted otherwise'), ('RETRY', 'charged attempts that failed for us'), ('ABORT', 'answers that broke off were estimated'), ('TIER', 'another service tier or context length'), ('TOOL', "tools of the vendor's"), ('PRICE', 'another unit price, or another model'), ('CREDIT', 'credits, grants, discounts'), ('TAX/FX', 'tax or currency'), ('LATE', 'figures that the vendor restates later'), ('ROUND', "the vendor's rounding"), ('EXCL', "left out of the vendor's report")], max_length=6)),
                ('evidence', models.CharField(blank=True, max_length=1000)),
                ('explained_by', models.CharField(blank=True, help_text='The person, where one did.', max_length=150)),
                ('run', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='lines', to='metering.reconciliationrun')),
            ],
            options={
                'ordering': ['run', 'number'],
            },
        ),
        migrations.CreateModel(
            name='ReportCredential',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('api_key_env', models.CharField(blank=True, max_length=100, validators=[django.core.validators.RegexValidator('^[A-Z][A-Z0-9_]*_API_KEY$', 'Ends with _API_KEY, such as OPENAI_ADMIN_API_KEY.')], verbose_name='environment variable')),
                ('api_key_encrypted', models.TextField(blank=True, editable=False, verbose_name='encrypted credential')),
                ('origin', models.CharField(blank=True, editable=False, help_text='Where it may be sent to: as it was entered.', max_length=300)),
                ('provider', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='report_credential', to='catalog.provider')),
            ],
            options={
                'ordering': ['provider__name'],
            },
        ),
        migrations.CreateModel(
            name='SignOff',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('waiting', 'waits for a second person'), ('signed', 'signed'), ('withdrawn', 'withdrawn')], max_length=9)),
                ('needs_two', models.BooleanField(help_text='The gap, or what is open of it, exceeds the tolerance.')),
                ('note', models.CharField(blank=True, max_length=500)),
                ('asked_at', models.DateTimeField()),
                ('signed_at', models.DateTimeField(blank=True, null=True)),
                ('self_approved', models.BooleanField(default=False)),
                ('asked_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='sign_offs', to='metering.reconciliationrun')),
                ('signed_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-id'],
                'permissions': [('sign_reconciliation', "Can sign off a vendor's month")],
            },
        ),
        migrations.CreateModel(
            name='VendorAccount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('identifier', models.CharField(help_text="The vendor's id, such as key_abc or wrkspc_01.", max_length=100)),
                ('is_ours', models.BooleanField(default=True, verbose_name='used by the gateway')),
                ('note', models.CharField(blank=True, max_length=300)),
                ('provider', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.provider')),
            ],
            options={
                'ordering': ['provider__name', 'identifier'],
            },
        ),
        migrations.CreateModel(
            name='VendorAlias',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('item', models.CharField(help_text='The line item or the model as the vendor writes it; case does not matter.', max_length=300)),
                ('meter', models.CharField(blank=True, choices=[('input', 'input'), ('cache_read', 'cache read'), ('cache_write_5m', 'cache write'), ('cache_write_1h', 'cache write, long'), ('output', 'output and reasoning'), ('audio_input', 'audio input'), ('audio_output', 'audio output'), ('requests', 'searches and fees per request'), ('all', 'all token types'), ('tool', 'tools that are not tokens'), ('credit', 'credits and discounts'), ('tax', 'tax'), ('rounding', "the vendor's rounding"), ('adjustment', "the vendor's adjustment"), ('unmapped', 'not mapped yet')], help_text='Empty: as it was read.', max_length=14)),
                ('note', models.CharField(blank=True, max_length=300)),
                ('model', models.ForeignKey(blank=True, help_text='Ours; empty: as it was read, or none.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.languagemodel')),
                ('provider', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.provider')),
            ],
            options={
                'verbose_name_plural': 'vendor aliases',
                'ordering': ['provider__name', 'item'],
            },
        ),
        migrations.CreateModel(
            name='VendorReport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('cost', 'what was charged'), ('usage', 'what was used')], max_length=5)),
                ('source', models.CharField(help_text='Names of the files, or the address.', max_length=500)),
                ('sha256', models.CharField(help_text='Of what was read, all files together.', max_length=64)),
                ('first_day', models.DateField(help_text='UTC.')),
                ('last_day', models.DateField(help_text='UTC, inclusive.')),
                ('taken_at', models.DateTimeField(help_text='When the vendor said so.')),
                ('imported_by', models.CharField(max_length=150)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('provider', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.provider')),
            ],
            options={
                'ordering': ['-taken_at', '-id'],
            },
        ),
        migrations.CreateModel(
            name='VendorCost',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField(help_text='From 1, in the order of the report.')),
                ('day', models.DateField(help_text='UTC.')),
                ('item', models.CharField(blank=True, help_text="The vendor's own name of the line.", max_length=300)),
                ('model', models.CharField(blank=True, help_text="The vendor's name of the model.", max_length=200)),
                ('meter', models.CharField(choices=[('input', 'input'), ('cache_read', 'cache read'), ('cache_write_5m', 'cache write'), ('cache_write_1h', 'cache write, long'), ('output', 'output and reasoning'), ('audio_input', 'audio input'), ('audio_output', 'audio output'), ('requests', 'searches and fees per request'), ('all', 'all token types'), ('tool', 'tools that are not tokens'), ('credit', 'credits and discounts'), ('tax', 'tax'), ('rounding', "the vendor's rounding"), ('adjustment', "the vendor's adjustment"), ('unmapped', 'not mapped yet')], max_length=14)),
                ('account', models.CharField(blank=True, help_text='Key, workspace or project.', max_length=100)),
                ('tier', models.CharField(blank=True, help_text="Service tier, in the price book's words.", max_length=20)),
                ('context', models.CharField(blank=True, help_text="Context window, in the vendor's words.", max_length=40)),
                ('quantity', models.DecimalField(decimal_places=6, help_text='Tokens, or requests.', max_digits=30, null=True)),
                ('amount', models.DecimalField(decimal_places=20, help_text='USD.', max_digits=38, null=True)),
                ('billed', models.DecimalField(decimal_places=20, help_text='In the currency of the bill, where that is another.', max_digits=38, null=True)),
                ('currency', models.CharField(default='USD', max_length=3)),
                ('rate', models.DecimalField(decimal_places=20, help_text='Units of the currency for one USD, as the vendor states it.', max_digits=38, null=True)),
                ('raw', models.JSONField(encoder=django.core.serializers.json.DjangoJSONEncoder)),
                ('report', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='lines', to='metering.vendorreport')),
            ],
            options={
                'ordering': ['report', 'number'],
            },
        ),
        migrations.CreateModel(
            name='GapExplanation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField(help_text='UTC.')),
                ('model', models.CharField(blank=True, max_length=200)),
                ('meter', models.CharField(choices=[('input', 'input'), ('cache_read', 'cache read'), ('cache_write_5m', 'cache write'), ('cache_write_1h', 'cache write, long'), ('output', 'output and reasoning'), ('audio_input', 'audio input'), ('audio_output', 'audio output'), ('requests', 'searches and fees per request'), ('all', 'all token types'), ('tool', 'tools that are not tokens'), ('credit', 'credits and discounts'), ('tax', 'tax'), ('rounding', "the vendor's rounding"), ('adjustment', "the vendor's adjustment"), ('unmapped', 'not mapped yet')], max_length=14)),
                ('item', models.CharField(blank=True, max_length=300)),
                ('reason', models.CharField(choices=[('TZ', 'days of another time zone'), ('BYPASS', 'used outside the gateway'), ('CACHE', 'cached tokens counted otherwise'), ('RETRY', 'charged attempts that failed for us'), ('ABORT', 'answers that broke off were estimated'), ('TIER', 'another service tier or context length'), ('TOOL', "tools of the vendor's"), ('PRICE', 'another unit price, or another model'), ('CREDIT', 'credits, grants, discounts'), ('TAX/FX', 'tax or currency'), ('LATE', 'figures that the vendor restates later'), ('ROUND', "the vendor's rounding"), ('EXCL', "left out of the vendor's report")], max_length=6)),
                ('note', models.CharField(max_length=500)),
                ('gap_usd', models.DecimalField(decimal_places=20, help_text='As it was.', max_digits=38, null=True)),
                ('gap_quantity', models.DecimalField(decimal_places=6, help_text='As it was.', max_digits=30, null=True)),
                ('author', models.CharField(help_text="The user's name at that time.", max_length=150)),
                ('created_at', models.DateTimeField(help_text='When it was said.')),
                ('provider', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.provider')),
            ],
            options={
                'ordering': ['-id'],
                'indexes': [models.Index(fields=['provider', 'day'], name='gap_explanation_provider_day')],
                'constraints': [models.CheckConstraint(condition=models.Q(('reason__in', ['TZ', 'BYPASS', 'CACHE', 'RETRY', 'ABORT', 'TIER', 'TOOL', 'PRICE', 'CREDIT', 'TAX/FX', 'LATE', 'ROUND', 'EXCL'])), name='gap_explanation_reason_known'), models.CheckConstraint(condition=models.Q(models.Q(('note', ''), _negated=True), models.Q(('author', ''), _negated=True)), name='gap_explanation_says_who_and_why')],
            },
        ),
        migrations.AddIndex(
            model_name='reconciliationrun',
            index=models.Index(fields=['provider', 'month', '-id'], name='reconciliation_latest'),
        ),
        migrations.AddConstraint(
            model_name='reconciliationrun',
            constraint=models.CheckConstraint(condition=models.Q(('month__day', 1)), name='reconciliation_begins_a_month'),
        ),
        migrations.AddConstraint(
            model_name='reconciliationrun',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['matched', 'explained', 'open', 'incomplete'])), name='reconciliation_state_known'),
        ),
        migrations.AddConstraint(
            model_name='reconciliationline',
            constraint=models.UniqueConstraint(fields=('run', 'number'), name='reconciliation_line_once'),
        ),
        migrations.AddConstraint(
            model_name='reconciliationline',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['matched', 'explained', 'open', 'unreported'])), name='reconciliation_line_status_known'),
        ),
        migrations.AddConstraint(
            model_name='reconciliationline',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'explained'), _negated=True), models.Q(models.Q(('reason', ''), _negated=True), models.Q(('evidence', ''), _negated=True)), _connector='OR'), name='reconciliation_line_explained_by_a_reason'),
        ),
        migrations.AddConstraint(
            model_name='reportcredential',
            constraint=models.CheckConstraint(condition=models.Q(('api_key_env', ''), ('api_key_env__regex', '^[A-Z][A-Z0-9_]*_API_KEY$'), _connector='OR'), name='report_credential_variable_is_a_key', violation_error_message="The credential's environment variable ends with _API_KEY."),
        ),
        migrations.AddConstraint(
            model_name='reportcredential',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('api_key_encrypted', ''), ('origin', '')), models.Q(models.Q(('api_key_encrypted', ''), _negated=True), models.Q(('origin', ''), _negated=True)), _connector='OR'), name='report_credential_stored_for_an_origin'),
        ),
        migrations.AddConstraint(
            model_name='signoff',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'signed', 'withdrawn'])), name='sign_off_state_known'),
        ),
        migrations.AddConstraint(
            model_name='signoff',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'withdrawn'), _negated=True), fields=('run',), name='sign_off_once_per_run'),
        ),
        migrations.AddConstraint(
            model_name='signoff',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('signed_at__isnull', False), ('signed_by__isnull', False), ('state', 'signed')), models.Q(models.Q(('state', 'signed'), _negated=True), ('signed_at__isnull', True), ('signed_by__isnull', True)), _connector='OR'), name='sign_off_signed_by_somebody'),
        ),
        migrations.AddConstraint(
            model_name='signoff',
            constraint=models.CheckConstraint(condition=models.Q(('needs_two', False), ('signed_by__isnull', True), models.Q(('signed_by', models.F('asked_by')), _negated=True), ('self_approved', True), _connector='OR'), name='sign_off_by_two_people'),
        ),
        migrations.AddConstraint(
            model_name='signoff',
            constraint=models.CheckConstraint(condition=models.Q(('needs_two', False), models.Q(('note', ''), _negated=True), _connector='OR'), name='sign_off_gap_has_a_note'),
        ),
        migrations.AddConstraint(
            model_name='vendoraccount',
            constraint=models.UniqueConstraint(fields=('provider', 'identifier'), name='vendor_account_once'),
        ),
        migrations.AddConstraint(
            model_name='vendoraccount',
            constraint=models.CheckConstraint(condition=models.Q(('identifier', ''), _negated=True), name='vendor_account_has_an_id'),
        ),
        migrations.AddConstraint(
            model_name='vendoralias',
            constraint=models.UniqueConstraint(models.F('provider'), django.db.models.functions.text.Lower('item'), name='vendor_alias_once_per_item'),
        ),
        migrations.AddConstraint(
            model_name='vendoralias',
            constraint=models.CheckConstraint(condition=models.Q(('meter', ''), ('meter__in', ['input', 'cache_read', 'cache_write_5m', 'cache_write_1h', 'output', 'audio_input', 'audio_output', 'requests', 'all', 'tool', 'credit', 'tax', 'rounding', 'adjustment', 'unmapped']), _connector='OR'), name='vendor_alias_meter_known'),
        ),
        migrations.AddConstraint(
            model_name='vendoralias',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('item', ''), _negated=True), models.Q(('model__isnull', False), models.Q(('meter', ''), _negated=True), _connector='OR')), name='vendor_alias_says_something', violation_error_message='Name the model or the meter that the item stands for.'),
        ),
        migrations.AddIndex(
            model_name='vendorreport',
            index=models.Index(fields=['provider', 'first_day'], name='vendor_report_provider_day'),
        ),
        migrations.AddConstraint(
            model_name='vendorreport',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['cost', 'usage'])), name='vendor_report_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='vendorreport',
            constraint=models.CheckConstraint(condition=models.Q(('last_day__gte', models.F('first_day'))), name='vendor_report_days_in_order'),
        ),
        migrations.AddIndex(
            model_name='vendorcost',
            index=models.Index(fields=['report', 'day'], name='vendor_cost_report_day'),
        ),
        migrations.AddConstraint(
            model_name='vendorcost',
            constraint=models.UniqueConstraint(fields=('report', 'number'), name='vendor_cost_once_per_line'),
        ),
        migrations.AddConstraint(
            model_name='vendorcost',
            constraint=models.CheckConstraint(condition=models.Q(('meter__in', ['input', 'cache_read', 'cache_write_5m', 'cache_write_1h', 'output', 'audio_input', 'audio_output', 'requests', 'all', 'tool', 'credit', 'tax', 'rounding', 'adjustment', 'unmapped'])), name='vendor_cost_meter_known'),
        ),
        migrations.AddConstraint(
            model_name='vendorcost',
            constraint=models.CheckConstraint(condition=models.Q(('quantity__isnull', False), ('amount__isnull', False), _connector='OR'), name='vendor_cost_says_something'),
        ),
        migrations.AddConstraint(
            model_name='vendorcost',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('billed__isnull', True), ('currency', 'USD'), ('rate__isnull', True)), models.Q(models.Q(('currency', 'USD'), _negated=True), ('billed__isnull', False), ('rate__gt', 0), ('rate__isnull', False)), _connector='OR'), name='vendor_cost_conversion_is_whole'),
        ),
        migrations.RunSQL(KEPT, KEPT_REVERSE),
    ]
