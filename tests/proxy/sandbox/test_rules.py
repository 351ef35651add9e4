"""Rules set by ``PUT /control``: whom they hit, how often, and what wins."""

from typing import Any

import httpx2
import pytest

from tests.proxy.sandbox import raw


def test_a_rule_fires_for_what_it_matches_and_so_many_times(http: httpx2.Client) -> None:
    rule = {"match": {"model": "gpt-*", "vendor": "openai"}, "times": 2, "status": 503}
    assert http.put("/control", json={"rules": [rule]}).status_code == 200

    assert raw.post(http, "anthropic").status_code == 200
    assert [raw.post(http, "openai").status_code for _ in range(4)] == [503, 503, 200, 200]
    assert http.get("/control").json()["rules"][0]["fired"] == 2


def test_a_rule_fires_with_its_probability_and_the_seed_repeats_it(http: httpx2.Client) -> None:
    def statuses(seed: int) -> list[int]:
        http.put("/control", json={"rules": [{"probability": 0.2, "status": 500}], "seed": seed})
        return [raw.post(http, "openai").status_code for _ in range(100)]

    first = statuses(7)
    assert 10 <= first.count(500) <= 30
    assert statuses(7) == first
    assert statuses(8) != first


def test_headers_win_over_rules_knob_by_knob(http: httpx2.Client) -> None:
    http.put("/control", json={"rules": [{"status": 503, "retry_after": 5}]})

    answer = raw.post(http, "openai", {"x-sandbox-status": "429"})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")


@pytest.mark.parametrize(
    ("match", "hit"),
    [
        ({"site": "eu"}, True),
        ({"site": "us"}, False),
        ({"api_key": "k"}, True),
        ({"api_key": "other"}, False),
        ({"path": "/v1/chat/*"}, True),
        ({"stream": True}, False),
    ],
)
def test_rules_match_site_key_path_and_stream(http: httpx2.Client, match: dict[str, Any], hit: bool) -> None:
    http.put("/control", json={"rules": [{"match": match, "status": 503}]})

    answer = http.post("/@eu/v1/chat/completions", headers=raw.KEY, json=raw.CHAT)
    assert answer.status_code == (503 if hit else 200)


def test_deleting_the_control_resets_it(http: httpx2.Client) -> None:
    http.put("/control", json={"rules": [{"status": 503}]})
    http.delete("/control")

    assert raw.post(http, "openai").status_code == 200
    assert http.get("/control").json()["rules"] == []


@pytest.mark.parametrize(
    "body", [{"rules": [{"stauts": 503}]}, {"rules": 1}, {"rules": [{"match": {"x": "y"}}]}]
)
def test_rules_that_cannot_be_read_change_nothing(http: httpx2.Client, body: Any) -> None:
    http.put("/control", json={"rules": [{"status": 503}]})

    assert http.put("/control", json=body).status_code == 400
    assert len(http.get("/control").json()["rules"]) == 1
