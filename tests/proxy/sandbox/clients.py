"""The three vendors' SDKs behind one question, so that one test can hold for all of them."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import anthropic
import openai
from google import genai
from google.genai import types

VENDORS = ("openai", "anthropic", "gemini")
MODELS = {"openai": "gpt-4o", "anthropic": "claude-haiku-4-5", "gemini": "gemini-2.5-flash"}


@dataclass(frozen=True)
class Heard:
    """What an SDK made of an answer. ``reasoning`` is beside ``output``, whatever the vendor says."""

    text: str
    finish: str
    input: int
    output: int
    reasoning: int
    chunks: int = 0


@dataclass(frozen=True)
class Sdks:
    """Clients without retries."""

    openai: openai.OpenAI
    anthropic: anthropic.Anthropic
    gemini: genai.Client

    def ask(self, vendor: str, prompt: str, *, stream: bool = False, **options: Any) -> Heard:
        """Ask one question. Options: ``model``, ``max_tokens``, ``headers``."""
        model = options.get("model", MODELS[vendor])
        ask: Callable[..., Heard] = getattr(self, f"_{vendor}_{'stream' if stream else 'whole'}")
        return ask(model, prompt, options.get("max_tokens"), options.get("headers") or {})

    def _openai_whole(self, model: str, prompt: str, most: int | None, headers: Mapping[str, str]) -> Heard:
        answer = self.openai.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": prompt}],
            max_completion_tokens=openai.omit if most is None else most,
            extra_headers=headers,
        )
        [choice] = answer.choices
        return _of_openai(choice.message.content or "", str(choice.finish_reason), answer.usage)

    def _openai_stream(self, model: str, prompt: str, most: int | None, headers: Mapping[str, str]) -> Heard:
        text, finish, usage, chunks = "", "", None, 0
        with self.openai.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": prompt}],
            max_completion_tokens=openai.omit if most is None else most,
            stream=True,
            stream_options={"include_usage": True},
            extra_headers=headers,
        ) as events:
            for event in events:
                usage = event.usage or usage
                for choice in event.choices:
                    text += choice.delta.content or ""
                    chunks += bool(choice.delta.content)
                    finish = choice.finish_reason or finish
        return _of_openai(text, finish, usage, chunks)

    def _anthropic_whole(
        self, model: str, prompt: str, most: int | None, headers: Mapping[str, str]
    ) -> Heard:
        answer = self.anthropic.messages.create(
            model=model,
            messages=[{"role": "user", "content": prompt}],
            max_tokens=most or 1000,
            extra_headers=headers,
        )
        text = "".join(block.text for block in answer.content if block.type == "text")
        return _of_anthropic(text, answer.stop_reason or "", answer.usage)

    def _anthropic_stream(
        self, model: str, prompt: str, most: int | None, headers: Mapping[str, str]
    ) -> Heard:
        chunks = 0
        with self.anthropic.messages.stream(
            model=model,
            messages=[{"role": "user", "content": prompt}],
            max_tokens=most or 1000,
            extra_headers=headers,
        ) as events:
            for event in events:
                chunks += event.type == "text"
            answer = events.get_final_message()
        text = "".join(block.text for block in answer.content if block.type == "text")
        return _of_anthropic(text, answer.stop_reason or "", answer.usage, chunks)

    def _gemini_whole(self, model: str, prompt: str, most: int | None, headers: Mapping[str, str]) -> Heard:
        answer = self.gemini.models.generate_content(
            model=model, contents=prompt, config=_config(most, headers)
        )
        return _of_gemini(answer.text or "", answer)

    def _gemini_stream(self, model: str, prompt: str, most: int | None, headers: Mapping[str, str]) -> Heard:
        text, chunks, last = "", 0, None
        events = self.gemini.models.generate_content_stream(
            model=model, contents=prompt, config=_config(most, headers)
        )
        for last in events:
            text += last.text or ""
            chunks += bool(last.text)
        return _of_gemini(text, last, chunks)


def _config(most: int | None, headers: Mapping[str, str]) -> types.GenerateContentConfig:
    return types.GenerateContentConfig(
        max_output_tokens=most,
        http_options=types.HttpOptions(headers=dict(headers)),
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )


def _of_openai(text: str, finish: str, usage: Any, chunks: int = 0) -> Heard:
    reasoning = usage.completion_tokens_details.reasoning_tokens
    return Heard(text, finish, usage.prompt_tokens, usage.completion_tokens - reasoning, reasoning, chunks)


def _of_anthropic(text: str, finish: str, usage: Any, chunks: int = 0) -> Heard:
    reasoning = usage.output_tokens_details.thinking_tokens if usage.output_tokens_details else 0
    return Heard(text, finish, usage.input_tokens, usage.output_tokens - reasoning, reasoning, chunks)


def _of_gemini(text: str, answer: Any, chunks: int = 0) -> Heard:
    usage = answer.usage_metadata
    finish = answer.candidates[0].finish_reason.value
    reasoning = usage.thoughts_token_count or 0
    return Heard(text, finish, usage.prompt_token_count, usage.candidates_token_count or 0, reasoning, chunks)


@contextlib.contextmanager
def opened(base_url: str, key: str = "sk-test") -> Iterator[Sdks]:
    """Clients of one sandbox, closed at the end."""
    once = types.HttpOptions(
        base_url=base_url, retry_options=types.HttpRetryOptions(attempts=1), timeout=5000
    )
    with (
        openai.OpenAI(api_key=key, base_url=f"{base_url}/v1", max_retries=0, timeout=5.0) as for_openai,
        anthropic.Anthropic(api_key=key, base_url=base_url, max_retries=0, timeout=5.0) as for_anthropic,
        genai.Client(api_key=key, http_options=once) as for_gemini,
    ):
        yield Sdks(for_openai, for_anthropic, for_gemini)
