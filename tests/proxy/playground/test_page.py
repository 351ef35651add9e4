"""/try/ through the front door."""

import html
import json
import re

import pytest
from django.http import HttpResponse
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from catalog.models import LanguageModel, Provider, RouteTarget, Team
from tests import factories
from tests.proxy.playground.conftest import House, vendor


def text(response: HttpResponse) -> str:
    assert response.status_code == 200
    return response.content.decode()


def offered(page: str) -> list[str]:
    return re.findall(r'<option value="([^"]+)" label=', page)


def code(page: str, name: str) -> str:
    found = re.search(rf'<code id="snippet-{name}">(.*?)</code>', page, re.DOTALL)
    assert found
    return html.unescape(found[1])


def targets(page: str) -> dict[str, object]:
    found = re.search(r'<script id="targets" type="application/json">(.*?)</script>', page)
    assert found
    data: dict[str, object] = json.loads(found[1])
    return data


def test_a_lead_is_offered_what_the_own_team_may_call(lead: Client) -> None:
    assert offered(text(lead.get("/try/"))) == ["hot", "openai/gpt-4o", "openai/unpriced"]


def test_who_sees_every_team_is_offered_what_any_may_call(finance: Client) -> None:
    assert offered(text(finance.get("/try/"))) == ["hot", "gemini/flash", "openai/gpt-4o", "openai/unpriced"]


def test_a_disabled_team_may_call_nothing(house: House, finance: Client) -> None:
    Team.objects.filter(name="ads").update(enabled=False)
    assert "gemini/flash" not in offered(text(finance.get("/try/")))


def test_a_model_that_only_its_bare_name_allows_is_offered_by_it(house: House, lead: Client) -> None:
    Team.objects.filter(name="search").update(models=["gpt-4o"])
    assert offered(text(lead.get("/try/"))) == ["gpt-4o"]


def test_the_page_begins_with_the_first_route(lead: Client) -> None:
    assert targets(text(lead.get("/try/")))["model"] == "hot"


def test_the_rates_of_all_targets_come_as_decimal_texts(lead: Client) -> None:
    assert targets(text(lead.get("/try/?model=hot"))) == {
        "model": "hot",
        "targets": [
            {
                "model": "gemini/flash",
                "rates": {
                    "input": "0.075",
                    "cache_read": "0.075",
                    "cache_write_5m": "0.075",
                    "output": "2.5",
                    "reasoning": "3.5",
                },
            },
            {
                "model": "openai/gpt-4o",
                "rates": {
                    "input": "2.5",
                    "cache_read": "1.25",
                    "cache_write_5m": "2.5",
                    "output": "10",
                    "reasoning": "10",
                },
            },
        ],
    }


def test_a_model_without_a_price_in_force_has_no_rates(lead: Client) -> None:
    page = text(lead.get("/try/?model=openai/unpriced"))
    assert targets(page)["targets"] == [{"model": "openai/unpriced", "rates": None}]
    assert "unknown: no price is in force" in page


def test_vendors_without_a_credential_answer_to_no_name(finance: Client) -> None:
    page = text(finance.get("/try/?model=gpt-4o"))
    assert [row["model"] for row in targets(page)["targets"]] == ["openai/gpt-4o"]  # type: ignore[attr-defined]


def test_the_teams_whose_keys_may_call_it_are_named(finance: Client) -> None:
    assert "Keys of <strong>ads</strong>, <strong>search</strong> may call it" in text(
        finance.get("/try/?model=hot")
    )
    assert "Keys of <strong>ads</strong> may call it" in text(finance.get("/try/?model=gemini/flash"))


def test_the_code_is_of_the_choice_and_of_this_gateway(lead: Client) -> None:
    page = text(lead.get("/try/?model=openai/gpt-4o&api=messages&stream=no"))
    assert code(page, "curl").startswith("curl -sS --fail-with-body http://testserver/v1/messages \\\n")
    assert '"model": "openai/gpt-4o"' in code(page, "curl")
    assert 'base_url="http://testserver"' in code(page, "python")
    assert "from anthropic import Anthropic" in code(page, "python")
    assert "stream" not in code(page, "fetch")


def test_the_gateways_public_address_is_used_where_it_is_known(lead: Client, settings: Settings) -> None:
    settings.PUBLIC_URL = "https://llm.example.org"
    assert 'base_url="https://llm.example.org/v1"' in code(text(lead.get("/try/")), "python")


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("model=gemini/flash", "gemini/flash is no model that your teams may call"),
        ("model=gone", "gone is no model that your teams may call"),
        ("model=elsewhere/gpt-4o", "elsewhere/gpt-4o is no model"),
        ("api=completions", "api must be one of chat, responses, messages"),
        ("stream=maybe", "stream must be one of yes, no"),
    ],
)
def test_what_cannot_be_asked_is_said(lead: Client, query: str, reason: str) -> None:
    response = lead.get(f"/try/?{query}")
    assert response.status_code == 400
    assert reason in response.content.decode()


def test_a_models_name_is_text_wherever_it_stands(house: House, finance: Client) -> None:
    name = 'it\'s"odd"</script><b>$(id)'
    factories.make_model(name, provider=Provider.objects.get(name="gemini"))
    page = text(finance.get("/try/", {"model": f"gemini/{name}"}))
    assert "<b>" not in page
    assert targets(page)["model"] == f"gemini/{name}"


def test_without_a_vendor_there_is_nothing_to_choose_and_it_says_whom_to_ask(
    house: House, lead: Client
) -> None:
    Provider.objects.update(enabled=False)
    page = text(lead.get("/try/"))
    assert "No vendor has a credential, or none sells a model" in page
    assert "Ask a platform admin" in page
    assert "<textarea" not in page


def test_a_team_that_may_call_nothing_is_told_so(house: House, lead: Client) -> None:
    Team.objects.filter(name="search").update(models=[])
    assert "Your teams may call no model" in text(lead.get("/try/"))


def test_a_route_without_a_vendor_says_so(house: House, lead: Client) -> None:
    RouteTarget.objects.filter(model=house.gpt).delete()
    LanguageModel.objects.filter(name="flash").update(enabled=False)
    page = text(lead.get("/try/"))
    assert "No vendor would answer to <code>hot</code> at this moment" in page
    assert targets(page)["targets"] == []


def test_people_without_a_team_are_told_whom_to_ask(house: House) -> None:
    client = Client()
    client.force_login(factories.make_user("new", is_staff=False))
    response = client.get("/try/")
    assert response.status_code == 403
    assert "Ask a platform admin" in response.content.decode()


def test_strangers_are_sent_to_the_login(db: None, client: Client) -> None:
    assert client.get("/try/")["Location"] == "/login/?next=/try/"


def test_the_policy_lets_the_page_speak_with_this_gateway_alone(lead: Client) -> None:
    policy = lead.get("/try/")["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "connect-src" not in policy
    assert "unsafe-inline" not in policy.split("style-src")[0]


def test_no_field_of_the_key_has_a_name_that_a_url_could_carry(lead: Client) -> None:
    page = text(lead.get("/try/"))
    [field] = re.findall(r'<input id="key"[^>]*>', page)
    assert "name=" not in field
    assert 'autocomplete="off"' in field


def test_the_page_takes_as_many_queries_for_many_teams_and_models(
    house: House, finance: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(QUERIES):
        finance.get("/try/?model=hot")
    for number in range(5):
        provider = vendor(f"vendor-{number}")
        factories.make_team(f"team-{number}")
        for size in range(3):
            factories.make_price(factories.make_model(f"model-{size}", provider=provider))
    with django_assert_num_queries(QUERIES):
        finance.get("/try/?model=hot")


QUERIES = 13  # of them four for the session, the person and what they may see
