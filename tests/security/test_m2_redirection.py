"""M2: no field of a caller's body sends our credential, or the call, anywhere else."""

import json

import pytest

from proxy.adapters.base import VendorRequest
from proxy.adapters.openai.request import REROUTING
from proxy.adapters.registry import adapter_for
from proxy.interchange.features import REDIRECTING
from tests.proxy.adapters.drive import call, target

KINDS = ("openai", "openai_compatible", "anthropic", "gemini")
THIEF = "https://thief.test"


def request_with(kind: str, **fields: object) -> VendorRequest:
    return adapter_for(kind).request_for(call(model="m", **fields), target(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_the_request_goes_where_the_target_says(kind: str) -> None:
    plain = request_with(kind)
    tampered = request_with(kind, **dict.fromkeys(REDIRECTING, THIEF))
    assert (tampered.url, tampered.headers, tampered.body) == (plain.url, plain.headers, plain.body)
    assert tampered.url.startswith("https://vendor.test/")
    assert "canary-key" not in tampered.url


@pytest.mark.parametrize("kind", KINDS)
def test_a_models_name_stays_one_path_segment_of_the_url(kind: str) -> None:
    aimed = target(kind, model="m?key=x#y\r\nz: 1 %2e")
    url = adapter_for(kind).request_for(call(model="m"), aimed).url
    assert url.startswith("https://vendor.test/")
    assert not set(url) & set("?#\r\n ")


@pytest.mark.parametrize("field", sorted(REROUTING))
def test_a_caller_cannot_name_another_model_to_an_aggregator(field: str) -> None:
    sent = json.loads(request_with("openai_compatible", **{field: ["openai/dearest"]}).body)
    assert field not in sent
