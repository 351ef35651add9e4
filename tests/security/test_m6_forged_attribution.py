"""M6: whatever a caller claims, the entry is the key's team's and the key's own."""

import pytest

from tests.live.house import House, Row

pytestmark = pytest.mark.live

CONFIGURATION = """
[[teams]]
name = "ads"
models = ["*"]
"""
CLAIMS = {
    "x-tallygate-team": "ads",
    "x-tallygate-key": "ads",
    "x-tallygate-tags": "team=ads,team_id=2,api_key=ads",
    "x-tallygate-cost-usd": "0",
    "x-tallygate-model": "llama",
    "x-litellm-tags": "ads",
    "x-forwarded-user": "ads",
    "openai-organization": "ads",
    "openai-project": "ads",
}


def test_team_and_key_come_from_the_key_alone(house: House) -> None:
    house.new_key(team="ads", name="prod")
    fields: Row = {"user": "ads", "metadata": {"team": "ads", "team_id": "2", "tags": ["ads"]}}
    answer = house.chat("gpt-4o", headers=CLAIMS, **fields)
    assert answer.status_code == 200, answer.text
    entry = house.entry(answer.headers["x-request-id"])
    [owner] = house.sql(
        "SELECT t.name AS team, k.name AS key FROM catalog_apikey k JOIN catalog_team t ON t.id = k.team_id"
        " WHERE k.id = %s AND t.id = %s",
        *(entry["api_key_id"], entry["team_id"]),
    )
    assert owner == {"team": "search", "key": "first"}
    assert entry["cost"] > 0
    assert answer.headers["x-tallygate-model"] == "openai/gpt-4o"
