"""``manage.py apply FILE.toml``: declarative, idempotent, all or nothing, and it says which line is wrong."""

import datetime as dt
import io
import re
import uuid
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from catalog import keys, vault
from catalog.models import LanguageModel, Price, Provider, Route, Team
from catalog.rates import Rates, of
from metering.models import CostEntry, Limit
from metering.usage import BUCKETS
from tests.catalog import builders as b

pytestmark = pytest.mark.django_db

FILE = """\
[[providers]]
name = "openai"
kind = "openai"
base_url = "http://127.0.0.1:9000/v1"
api_key_env = "OPENAI_API_KEY"
region = "us"
[providers.policy]
connect_timeout = 5.0
first_byte_timeout = 61
max_attempts = 4
breaker_failure_rate = 0.25

[[models]]
provider = "openai"
name = "gpt-4o"
context_window = 128000
max_output_tokens = 16384
capabilities = { tools = true }
[[models.prices]]
effective_from = "2026-01-01T00:00:00Z"
input = "2.50"
output = "10.00"
cache_read = "1.25"
[[models.prices]]
effective_from = 2026-01-01T00:00:00Z
input = "5.00"
output = "20.00"
above_input_tokens = 200000
[[models.prices]]
effective_from = "2026-01-01T00:00:00Z"
input = "5.00"
output = "20.00"
daily_utc = "01:00-04:00"
weekdays = "mon-fri"

[[models]]
provider = "openai"
name = "gpt-4o-mini"

[[routes]]
name = "warm"
strategy = "weighted"
targets = [
  { model = "openai/gpt-4o", weight = 70 },
  { model = "openai/gpt-4o-mini", weight = 30 },
]
cache_ttl = 60

[[teams]]
name = "search"
cost_center = "CC-100"
models = ["warm", "openai/*"]
[[teams.limits]]
unit = "usd"
amount = "50.00"
period = "month"
mode = "hard"
[[teams.limits]]
unit = "requests"
amount = "60"
period = "minute"
model = "openai/gpt-4o"
"""
CREATED = """\
+ provider openai: openai at http://127.0.0.1:9000/v1
+ model openai/gpt-4o: context_window 128000, max_output_tokens 16384, capabilities {'tools': True}
+ price openai/gpt-4o (standard) from 2026-01-01T00:00:00Z: input 2.5, output 10, cache_read 1.25
+ price openai/gpt-4o (standard, above 200000 input tokens) from 2026-01-01T00:00:00Z: input 5, output 20
+ price openai/gpt-4o (standard, 01:00-04:00 UTC mon-fri) from 2026-01-01T00:00:00Z: input 5, output 20
+ model openai/gpt-4o-mini
+ route warm: weighted: openai/gpt-4o x70, openai/gpt-4o-mini x30
+ team search: cost_center CC-100, models [warm, openai/*]
+ limit search, hard, usd a month: 50
+ limit search x openai/gpt-4o, hard, requests a minute: 60
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tallygate.toml"


def apply(file: Path, text: str = FILE, *options: str) -> str:
    file.write_text(text, encoding="utf-8")
    stdout = io.StringIO()
    call_command("apply", str(file), *options, stdout=stdout)
    return stdout.getvalue()


def changed(old: str, new: str, text: str = FILE) -> str:
    assert text.count(old) >= 1, old
    return text.replace(old, new, 1)


def test_everything_is_created(file: Path) -> None:
    assert apply(file) == CREATED

    provider = Provider.objects.get()
    assert (provider.kind, provider.region, provider.api_key_env) == ("openai", "us", "OPENAI_API_KEY")
    assert (provider.first_byte_timeout, provider.max_attempts, provider.breaker_failure_rate) == (
        61,
        4,
        0.25,
    )
    assert provider.idle_timeout == 30  # not given: the default
    model = LanguageModel.objects.get(name="gpt-4o")
    assert (model.context_window, model.max_output_tokens, model.capabilities) == (
        128000,
        16384,
        {"tools": True},
    )
    standard = model.prices.get(above_input_tokens=0, daily_from=None)
    assert of(standard) == Rates(input=Decimal("2.5"), output=Decimal(10), cache_read=Decimal("1.25"))
    assert standard.effective_from == dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    assert standard.source == "apply tallygate.toml"
    peak = model.prices.get(weekdays="mon-fri")
    assert (peak.daily_from, peak.daily_to) == (dt.time(1), dt.time(4))
    route = Route.objects.get()
    assert (route.strategy, route.cache_ttl) == ("weighted", 60)
    assert [(t.model.full_name, t.weight) for t in route.targets.order_by("position")] == [
        ("openai/gpt-4o", 70),
        ("openai/gpt-4o-mini", 30),
    ]
    team = Team.objects.get()
    assert (team.cost_center, team.models) == ("CC-100", ["warm", "openai/*"])
    assert {
        (limit.unit, limit.amount, limit.period, limit.mode, limit.model) for limit in Limit.objects.all()
    } == {
        ("usd", Decimal(50), "month", "hard", None),
        ("requests", Decimal(60), "minute", "hard", model),
    }


def test_a_second_run_changes_nothing(file: Path) -> None:
    apply(file)

    assert apply(file) == "no changes\n"


def test_a_dry_run_shows_the_difference_and_changes_nothing(file: Path) -> None:
    assert apply(file, FILE, "--dry-run") == CREATED + "dry run: 10 changes not made\n"
    assert not Provider.objects.exists()
    assert not Limit.objects.exists()


def test_the_difference_is_all_that_changes(file: Path) -> None:
    apply(file)
    text = changed("max_attempts = 4", "max_attempts = 2")
    text = changed("max_output_tokens = 16384", "max_output_tokens = 8192", text)
    text = changed("weight = 70", "weight = 60", text)
    text = changed("cache_ttl = 60", "cache_ttl = 0", text)
    text = changed('"warm", "openai/*"', '"*"', text)
    text = changed('amount = "50.00"', 'amount = "75.50"', text)

    assert apply(file, text) == (
        "~ provider openai: max_attempts 4 -> 2\n"
        "~ model openai/gpt-4o: max_output_tokens 16384 -> 8192\n"
        "~ route warm: cache_ttl 60 -> 0, targets openai/gpt-4o x70, openai/gpt-4o-mini x30 -> "
        "openai/gpt-4o x60, openai/gpt-4o-mini x30\n"
        "~ team search: models [warm, openai/*] -> [*]\n"
        "~ limit search, hard, usd a month: amount 50 -> 75.5\n"
    )
    assert apply(file, text) == "no changes\n"


def test_what_the_file_does_not_mention_stays(file: Path) -> None:
    apply(file)
    Provider.objects.update(enabled=False, idle_timeout=9)

    assert apply(file) == "no changes\n"
    assert apply(file, "") == "no changes\n"
    assert Provider.objects.get().idle_timeout == 9


def test_a_provider_may_be_trusted_with_its_own_figure(file: Path) -> None:
    trusting = changed('region = "us"', 'trusts_reported_cost = true\nreported_cost_tolerance = "0.1"')

    apply(file)
    assert "trusts_reported_cost False -> True" in apply(file, trusting)
    provider = Provider.objects.get()
    assert (provider.trusts_reported_cost, provider.reported_cost_tolerance) == (True, Decimal("0.1"))
    assert apply(file, trusting) == apply(file, trusting)
    with pytest.raises(CommandError, match="reported_cost_tolerance"):
        apply(file, changed('region = "us"', 'reported_cost_tolerance = "-1"'))


class TestPrices:
    def test_a_new_price_ends_the_old_one_where_it_starts(self, file: Path) -> None:
        apply(file)
        text = changed(
            'effective_from = "2026-01-01T00:00:00Z"\ninput = "2.50"',
            'effective_from = "2026-06-01T00:00:00Z"\ninput = "2.00"',
        )

        assert apply(file, text) == (
            "~ price openai/gpt-4o (standard) from 2026-06-01T00:00:00Z: "
            "input 2.5, output 10, cache_read 1.25 -> input 2, output 10, cache_read 1.25\n"
        )
        cut = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
        rows = Price.objects.filter(above_input_tokens=0, daily_from=None).order_by("effective_from")
        assert [(p.input, p.effective_to) for p in rows] == [(Decimal("2.5"), cut), (Decimal(2), None)]
        assert apply(file, text) == "no changes\n"

    def test_without_a_start_it_holds_from_now_on(self, file: Path) -> None:
        apply(file)
        text = changed('effective_from = "2026-01-01T00:00:00Z"\ninput = "2.50"', 'input = "2.00"')

        apply(file, text)

        now = Price.objects.get(input=2)
        assert abs(now.effective_from - timezone.now()) < dt.timedelta(minutes=1)
        assert Price.objects.get(input="2.5").effective_to == now.effective_from
        assert apply(file, text) == "no changes\n"

    def test_a_price_announced_in_the_file_is_scheduled(self, file: Path) -> None:
        text = changed(
            'cache_read = "1.25"\n',
            'cache_read = "1.25"\n[[models.prices]]\neffective_from = "2126-01-01T00:00:00Z"\ninput = "9"\n',
        )

        apply(file, text)

        later = Price.objects.get(input=9)
        assert Price.objects.get(input="2.5").effective_to == later.effective_from
        assert apply(file, text) == "no changes\n"

    def test_a_price_in_force_is_not_rewritten(self, file: Path) -> None:
        apply(file)

        with refusal("line 19: openai/gpt-4o (standard) has had another price since 2026-01-01T00:00:00Z"):
            apply(file, changed('input = "2.50"', 'input = "2.00"'))

        assert Price.objects.filter(input="2.5").exists()

    def test_a_price_may_start_in_the_past_only_before_it_was_used(self, file: Path) -> None:
        apply(file)
        booked(price=Price.objects.get(input="2.5"), at=dt.datetime(2026, 7, 1, tzinfo=dt.UTC))
        text = changed(
            'effective_from = "2026-01-01T00:00:00Z"\ninput = "2.50"',
            'effective_from = "2026-07-01T00:00:00Z"\ninput = "2.00"',
        )

        with refusal("line 19: calls made since 2026-07-01T00:00:00Z are booked at the price in force"):
            apply(file, text)
        apply(file, text.replace("2026-07-01T00:00:00Z", "2026-07-01T00:00:01Z"))

        assert Price.objects.filter(input="2.00").exists()

    def test_zero_is_a_price(self, file: Path) -> None:
        apply(
            file,
            changed('input = "2.50"\noutput = "10.00"\ncache_read = "1.25"', 'input = "0"\noutput = "0"'),
        )

        free = Price.objects.get(input=0)
        assert of(free) == Rates(input=Decimal(0), output=Decimal(0))


class TestCredentials:
    STORED = changed('api_key_env = "OPENAI_API_KEY"', 'api_key = "sk-secret"')

    def test_a_given_key_is_stored_encrypted_and_never_shown(self, file: Path) -> None:
        printed = apply(file, self.STORED)

        assert "sk-secret" not in printed
        stored = Provider.objects.get().api_key_encrypted
        assert "sk-secret" not in stored
        assert vault.decrypt(stored) == "sk-secret"
        assert apply(file, self.STORED) == "no changes\n"

    def test_another_key_replaces_it(self, file: Path) -> None:
        apply(file, self.STORED)

        printed = apply(file, self.STORED.replace("sk-secret", "sk-other"))

        assert printed == "~ provider openai: credential replaced\n"
        assert vault.decrypt(Provider.objects.get().api_key_encrypted) == "sk-other"

    def test_a_variable_takes_the_place_of_a_stored_key(self, file: Path) -> None:
        apply(file, self.STORED)

        printed = apply(file)

        assert "credential stored -> env OPENAI_API_KEY" in printed
        assert Provider.objects.get().api_key_encrypted == ""


class TestKeysAndTheirLimits:
    TEXT = (
        FILE + '[[teams.limits]]\nkey = "ci"\namount = "5"\n[[teams.keys]]\nname = "ci"\nmodels = ["warm"]\n'
    )

    def test_an_existing_key_is_narrowed_and_limited(self, file: Path) -> None:
        apply(file)
        key, _ = keys.issue(team=Team.objects.get(), name="ci")

        assert apply(file, self.TEXT) == (
            "~ key search/ci: models [] -> [warm]\n+ limit search key ci, hard, usd a month: 5\n"
        )
        key.refresh_from_db()
        assert key.models == ["warm"]
        assert Limit.objects.get(api_key=key).amount == 5
        assert apply(file, self.TEXT) == "no changes\n"

    def test_an_unknown_key_is_an_error_that_says_how_to_make_it(self, file: Path) -> None:
        with refusal("line 66: team search has no key 'ci': manage.py create_key --team search --name ci"):
            apply(file, self.TEXT)


class TestMistakes:
    """Nothing is changed, and the line is named."""

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ('name = "openai"', 'name = "openai', "line 2: not valid TOML: "),
            ("region =", "regoin =", "line 6: unknown key 'regoin': did you mean 'region'?"),
            ("[[routes]]", "[[route]]", "line 40: unknown key 'route': did you mean 'routes'?"),
            ("cache_ttl", "cachettl", "line 47: unknown key 'cachettl': did you mean 'cache_ttl'?"),
            ("connect_timeout", "conect_timeout", "line 8: unknown key 'conect_timeout': did you mean"),
            ("weight = 30", "wait = 30", "line 45: unknown key 'wait': did you mean 'weight'?"),
            ("mode =", "mod =", "line 57: unknown key 'mod': did you mean 'mode'?"),
            (
                'kind = "openai"',
                'kind = "bedrock"',
                "line 3: providers.kind: must be one of openai, anthropic, gemini, "
                "openai_compatible, not 'bedrock'",
            ),
            ('base_url = "http:', 'base_url = "', "line 4: providers.base_url: must be an address"),
            ('base_url = "http://127.0.0.1:9000/v1"\n', "", "line 1: 'base_url' is missing"),
            ('region = "us"', 'region = "u\\u0000s"', "line 6: the character U+0000 cannot be kept"),
            ("max_attempts = 4", "max_attempts = 0", "line 10: providers.policy.max_attempts: "),
            ("max_attempts = 4", 'max_attempts = "4"', "line 10: providers.policy.max_attempts: "),
            ("= 0.25", "= 1.5", "line 11: providers.policy.breaker_failure_rate: expected float <= 1.0"),
            (
                'input = "2.50"',
                "input = 2.50",
                'line 21: models.prices.input is money and money is written in quotes: input = "2.5"',
            ),
            ('input = "2.50"', 'input = "2.5000001"', "line 21: models.prices.input must be an amount"),
            ('input = "2.50"', 'input = "-1"', "line 21: models.prices.input must be an amount"),
            ('input = "2.50"\noutput = "10.00"', "", "line 19: a price needs at least one of input"),
            (
                "2026-01-01T00:00:00Z",
                "2026-01-01T00:00:00",
                "line 20: models.prices.effective_from: must be a moment with its time zone",
            ),
            (
                "2026-01-01T00:00:00Z",
                "yesterday",
                "line 20: models.prices.effective_from: must be a moment with its time zone",
            ),
            ("01:00-04:00", "1am-4am", "line 33: models.prices.daily_utc: must be hours such as"),
            ('daily_utc = "01:00-04:00"\n', "", "line 33: weekdays needs daily_utc as well"),
            ('name = "gpt-4o-mini"', 'name = "gpt-4o"', "line 38: model openai/gpt-4o is declared twice"),
            (
                'provider = "openai"',
                'provider = "opnai"',
                "line 14: there is no provider 'opnai'; there are: openai",
            ),
            ("openai/gpt-4o-mini", "openai/gpt-5", "line 45: there is no model 'openai/gpt-5'"),
            ("openai/gpt-4o-mini", "gpt-4o-mini", "line 45: 'gpt-4o-mini' must be written provider/model"),
            ("openai/gpt-4o-mini", "openai/gpt-4o", "line 45: target openai/gpt-4o is declared twice"),
            (
                'strategy = "weighted"',
                'strategy = "random"',
                "line 42: routes.strategy: must be one of ordered, weighted, ",
            ),
            ('name = "search"', 'name = "Search Team"', "line 50: teams.name: "),
            (
                'amount = "50.00"',
                "amount = 50",
                'line 55: amount is money and money is written in quotes: amount = "50"',
            ),
            ('amount = "60"', 'amount = "60.5"', "line 60: amount: requests are counted in whole numbers"),
            (
                'unit = "usd"',
                'unit = "eur"',
                "line 54: unit: must be one of usd, tokens, requests, concurrency, not 'eur'",
            ),
            (
                'model = "openai/gpt-4o"\n',
                'model = "openai/gpt-9"\n',
                "line 62: there is no model 'openai/gpt-9'",
            ),
            (
                'unit = "requests"\namount = "60"\nperiod = "minute"\nmodel = "openai/gpt-4o"',
                'amount = "60"',
                "line 58: limit search, hard, usd a month is declared twice",
            ),
        ],
    )
    def test_it_is_refused(self, file: Path, old: str, new: str, message: str) -> None:
        with refusal(message):
            apply(file, changed(old, new))

        assert not Provider.objects.exists()
        assert not Team.objects.exists()

    def test_two_ways_to_the_credential(self, file: Path) -> None:
        with refusal("line 6: give api_key or api_key_env, not both"):
            apply(file, changed("region =", 'api_key = "sk-secret"\nregion ='))

    def test_a_wrong_api_key_is_not_printed(self, file: Path) -> None:
        with pytest.raises(CommandError) as refused:
            apply(file, changed('api_key_env = "OPENAI_API_KEY"', "api_key = 12345678"))

        assert "line 5: providers.api_key: " in str(refused.value)
        assert "12345678" not in str(refused.value)

    @pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL", "openai_api_key", "sk-pasted-by-mistake"])
    def test_a_credential_is_no_other_variable(self, file: Path, name: str) -> None:
        with pytest.raises(CommandError) as refused:
            apply(file, changed("OPENAI_API_KEY", name))

        assert "line 5: providers.api_key_env: must be the name of a variable that ends with _API_KEY" in str(
            refused.value
        )
        assert name not in str(refused.value)

    @pytest.mark.parametrize(
        "host", ["169.254.169.254", "[fe80::1]", "metadata.google.internal", "2852039166"]
    )
    def test_no_vendor_is_a_metadata_service(self, file: Path, host: str) -> None:
        with refusal("line 4: base_url: Link-local"):
            apply(file, changed("http://127.0.0.1:9000", f"http://{host}"))

    def test_a_limit_on_a_key_and_a_model_at_once(self, file: Path) -> None:
        with refusal("line 63: a limit is on a team, on one of its keys, on the team's use"):
            apply(file, FILE + 'key = "ci"\n')

    def test_a_route_without_targets(self, file: Path) -> None:
        with refusal("line 1: route hot needs targets"):
            apply(file, '[[routes]]\nname = "hot"\n')

        apply(file, '[[routes]]\nname = "auto"\nstrategy = "classify"\n')

    def test_a_file_that_is_not_there(self, file: Path) -> None:
        with refusal("cannot be read"):
            call_command("apply", str(file))

    def test_the_file_and_the_outcome_are_named(self, file: Path) -> None:
        with refusal("tallygate.toml: line 1: ") as refused:
            apply(file, "teams = 1")

        assert str(refused.value).endswith("; nothing was changed")


def test_the_database_has_the_last_word(file: Path) -> None:
    """Overlapping hours are two different slots to the file, and one to the exclusion constraint."""
    text = changed(
        'weekdays = "mon-fri"\n',
        'weekdays = "mon-fri"\n[[models.prices]]\ninput = "6"\ndaily_utc = "03:00-05:00"\n',
    )

    with refusal("line 35: the hours of openai/gpt-4o (standard, 03:00-05:00 UTC) overlap those of another"):
        apply(file, text)

    assert not Provider.objects.exists()


def refusal(message: str) -> "pytest.RaisesExc[CommandError]":
    return pytest.raises(CommandError, match=re.escape(message))


def booked(*, price: Price, at: dt.datetime) -> CostEntry:
    """A call that was charged at ``price``."""
    key = b.api_key(team=Team.objects.get())
    return CostEntry.objects.create(
        request_id=uuid.uuid4(),
        attempt=1,
        team=key.team,
        api_key=key,
        model=price.model,
        route="warm",
        price=price,
        usage_source="reported",
        cost=Decimal("0.000025"),
        outcome="ok",
        started_at=at,
        day=at.date(),
        **dict.fromkeys(BUCKETS, 1),
    )
