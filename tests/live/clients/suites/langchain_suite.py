"""LangChain's standard suite for chat models: a subclass for each client, surface and vendor.

Names: ``Test<Client>_<model>``; those that end in ``_direct`` ask the sandbox without the gateway. They are
the control: what fails there fails without us.
"""

import os
from typing import Any, Literal

from langchain_anthropic import ChatAnthropic
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests

GATEWAY, SANDBOX, KEY = os.environ["GATEWAY_URL"], os.environ["SANDBOX_URL"], os.environ["GATEWAY_KEY"]
LONG = "A rule of the house that is said again and again. " * 400  # long enough for every vendor's cache

WRITTEN = ("cache_creation", "ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")

Details = dict[Literal["invoke", "stream"], list[Any]]
THINKS: Details = {name: ["cache_read_input", "reasoning_output"] for name in ("invoke", "stream")}
MARKED: Details = {name: ["cache_read_input", "cache_creation_input"] for name in ("invoke", "stream")}


class Common(ChatModelIntegrationTests):
    """What is the same for all: where to ask, what for, and how the details of usage are provoked."""

    url = GATEWAY
    model_name: str
    other_model: str

    @property
    def model_override_value(self) -> str:
        return self.other_model

    @property
    def supports_image_inputs(self) -> bool:
        return True

    # Off: a vendor fetches an image by its URL, the fakes have no network.
    @property
    def supports_image_urls(self) -> bool:
        return False

    @property
    def supports_pdf_inputs(self) -> bool:
        return True

    # Off (enable_vcr_tests): times the client on a recorded answer, which never reaches us.

    def ask(self, text: Any, *, stream: bool, **params: Any) -> AIMessage:
        model: BaseChatModel = self.chat_model_class(**self.chat_model_params, **params)
        if not stream:
            return _as_answer(model.invoke(text))
        full: AIMessageChunk | None = None
        for chunk in model.stream(text):
            assert isinstance(chunk, AIMessageChunk)
            full = chunk if full is None else full + chunk
        return _as_answer(full)

    def long(self) -> Any:
        """A prompt that is read from the cache when it is asked again."""
        return LONG

    def invoke_with_cache_read_input(self, *, stream: bool = False) -> AIMessage:
        self.ask(self.long(), stream=stream)
        answer = self.ask(self.long(), stream=stream)
        assert answer.usage_metadata is not None
        assert answer.usage_metadata["input_token_details"]["cache_read"] > 0
        return answer

    def invoke_with_reasoning_output(self, *, stream: bool = False) -> AIMessage:
        answer = self.ask("Hello", stream=stream)
        assert answer.usage_metadata is not None
        assert answer.usage_metadata["output_token_details"]["reasoning"] > 0
        return answer


def _as_answer(message: BaseMessage | None) -> AIMessage:
    assert isinstance(message, AIMessage)
    return message


class OnChatCompletions(Common):
    """``ChatOpenAI`` on /v1/chat/completions."""

    @property
    def chat_model_class(self) -> type[ChatOpenAI]:
        return ChatOpenAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        # stream_usage: with another base URL than OpenAI's the client does not ask for it by itself.
        return {
            "model": self.model_name,
            "base_url": f"{self.url}/v1",
            "api_key": KEY,
            "stream_usage": True,
            "max_retries": 0,
        }

    @property
    def supports_json_mode(self) -> bool:
        return True

    # Off (supports_image_tool_message, supports_pdf_tool_message): a tool's message holds text only here.

    @property
    def supported_usage_metadata_details(self) -> Details:
        return {"invoke": ["cache_read_input"], "stream": ["cache_read_input"]}


class OnResponses(OnChatCompletions):
    """``ChatOpenAI`` on /v1/responses."""

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {**super().chat_model_params, "use_responses_api": True}

    # A function's output may hold images and files here.
    @property
    def supports_image_tool_message(self) -> bool:
        return True

    @property
    def supports_pdf_tool_message(self) -> bool:
        return True


class OnMessages(Common):
    """``ChatAnthropic`` on /v1/messages."""

    @property
    def chat_model_class(self) -> type[ChatAnthropic]:
        return ChatAnthropic

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": self.model_name, "base_url": self.url, "api_key": KEY, "max_retries": 0}

    # Off (supports_json_mode): the dialect has none.
    # Off (supports_audio_inputs): nor sound.

    @property
    def supports_image_tool_message(self) -> bool:
        return True

    @property
    def supports_pdf_tool_message(self) -> bool:
        return True

    @property
    def supports_anthropic_inputs(self) -> bool:
        return True

    @property
    def supported_usage_metadata_details(self) -> Details:
        return {"invoke": ["cache_read_input"], "stream": ["cache_read_input"]}

    def invoke_with_cache_creation_input(self, *, stream: bool = False) -> AIMessage:
        text = f"{os.urandom(8).hex()} {LONG}"  # never seen before
        answer = self.ask(_marked(text), stream=stream)
        assert answer.usage_metadata is not None
        assert _created(answer) > 0
        return answer


def _marked(text: str) -> list[tuple[str, list[dict[str, Any]]]]:
    """A conversation whose prefix the caller marks as worth keeping."""
    return [("user", [{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}])]


def _created(answer: AIMessage) -> int:
    """Tokens written to the cache; by their time to live where the vendor tells it."""
    assert answer.usage_metadata is not None
    details: dict[str, Any] = dict(answer.usage_metadata["input_token_details"])
    return sum(int(details.get(name) or 0) for name in WRITTEN)


class TestChatOpenAI_gpt(OnChatCompletions):
    model_name, other_model = "gpt-4o", "claude-haiku-4-5"


class TestChatOpenAI_claude(OnChatCompletions):
    model_name, other_model = "claude-haiku-4-5", "gemini-2.5-flash"

    # Claude keeps only what the caller marks.
    def long(self) -> Any:
        return _marked(LONG)


class TestChatOpenAI_gemini(OnChatCompletions):
    model_name, other_model = "gemini-2.5-flash", "gpt-4o"

    @property
    def supported_usage_metadata_details(self) -> Details:
        return THINKS

    # The one of the three that hears, on the one surface whose client sends sound.
    @property
    def supports_audio_inputs(self) -> bool:
        return True


class TestChatOpenAI_gpt_direct(OnChatCompletions):
    url, model_name, other_model = SANDBOX, "gpt-4o", "gpt-4o-mini"


class TestResponses_gpt(OnResponses):
    model_name, other_model = "gpt-4o", "claude-haiku-4-5"


class TestResponses_claude(OnResponses):
    model_name, other_model = "claude-haiku-4-5", "gemini-2.5-flash"

    # Off (cache_read_input): Claude keeps only what the caller marks, and this dialect has no mark.
    @property
    def supported_usage_metadata_details(self) -> Details:
        return {"invoke": [], "stream": []}


class TestResponses_gemini(OnResponses):
    model_name, other_model = "gemini-2.5-flash", "gpt-4o"

    @property
    def supported_usage_metadata_details(self) -> Details:
        return THINKS


class TestResponses_gpt_direct(OnResponses):
    url, model_name, other_model = SANDBOX, "gpt-4o", "gpt-4o-mini"


class TestChatAnthropic_claude(OnMessages):
    model_name, other_model = "claude-haiku-4-5", "gpt-4o"

    def long(self) -> Any:
        return _marked(LONG)

    # The others do not tell what they write.
    @property
    def supported_usage_metadata_details(self) -> Details:
        return MARKED


class TestChatAnthropic_gpt(OnMessages):
    model_name, other_model = "gpt-4o", "gemini-2.5-flash"


class TestChatAnthropic_gemini(OnMessages):
    model_name, other_model = "gemini-2.5-flash", "claude-haiku-4-5"


class TestChatAnthropic_claude_direct(OnMessages):
    url, model_name, other_model = SANDBOX, "claude-haiku-4-5", "claude-sonnet-4-6"

    def long(self) -> Any:
        return _marked(LONG)

    # The others do not tell what they write.
    @property
    def supported_usage_metadata_details(self) -> Details:
        return MARKED
