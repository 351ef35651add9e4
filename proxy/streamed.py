"""The exchange of a streamed call: vendor bytes in, frames to the caller, usage kept.

Frames are held back until the first one with content, so that a vendor failing before it can still be retried
or replaced without the caller noticing. Heartbeats alone may pass earlier: they say nothing that a retry
could contradict. A caller that leaves does not end the exchange at once: for a while
the stream is read on for the usage at its end (``drained``); past that it is cut and estimated.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from metering.entries import Result
from proxy import bounds, estimation
from proxy.adapters import faults
from proxy.adapters.base import ChunkReader, ErrorClass, VendorError
from proxy.attempts import Attempt, Ended, failure
from proxy.endings import recorded_words
from proxy.interchange.writing import HEARTBEAT
from proxy.job import Delivery, Served

EVENTS = "text/event-stream"
TAIL_SECONDS = 1.0  # Anthropic may follow a message with another, at once
MAX_DRAINING = 64  # per worker; beyond it a caller's leaving cuts the stream at once


@dataclass(slots=True)
class StreamExchange:
    """The state of one streamed attempt."""

    delivery: Delivery
    attempt: Attempt = field(init=False)
    reader: ChunkReader = field(init=False)
    held_back: list[bytes] = field(default_factory=list)
    wait: asyncio.Timeout = field(init=False)  # for the first content
    first_byte_ms: int | None = None
    first_token: float | None = None  # seconds
    sent_at: float = 0.0  # monotonic seconds; of the last bytes to the caller, or of the request's beginning
    silence: asyncio.TimerHandle | None = None
    beating: asyncio.Task[None] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = ""

    async def __call__(self, attempt: Attempt) -> Ended:
        """Run the exchange. Raises VendorError only while nothing was sent to the caller."""
        self.attempt = attempt
        self.reader = attempt.adapter.chunks_from(attempt.call, attempt.target)
        upstream = attempt.gateway.upstream
        model = attempt.model
        self.sent_at = attempt.job.began
        self._watch_silence()
        if model.provider.on_leave == "cancel":
            self.delivery.on_gone = self._cut
        try:
            async with (
                asyncio.timeout(model.timeouts.first_token) as self.wait,
                upstream.send(attempt.request, model.provider, model.timeouts) as response,
            ):
                if not 200 <= response.status < 300:
                    body = await response.body()
                    raise attempt.adapter.error_from(response.status, response.headers, body)
                self.headers = faults.passed_on(response.headers, secret=attempt.target.api_key)
                self.content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
                return await self._relay(response.pieces())
        except TimeoutError:
            if not self.wait.expired():
                raise
            if self.delivery.gone:  # cut at once, as the provider's policy is
                return Ended(result=self._result(outcome="client_closed", source="estimated"))
            return self._broken(
                VendorError(
                    error_class=ErrorClass.TRANSPORT,
                    message="the vendor's first content did not come in time",
                    code="first_token_timeout",
                )
            )
        finally:
            self.delivery.on_gone = None
            if self.silence is not None:
                self.silence.cancel()

    def _watch_silence(self) -> None:
        """A timer, not a task: it costs a stream that flows next to nothing."""
        loop = asyncio.get_running_loop()
        gateway = self.attempt.gateway
        silent = gateway.clock() - self.sent_at
        if silent >= gateway.keep_alive_seconds:
            self.sent_at, silent = gateway.clock(), 0.0
            self.beating = loop.create_task(self._beat(), name="heartbeat")
        self.silence = loop.call_later(gateway.keep_alive_seconds - silent, self._watch_silence)

    async def _beat(self) -> None:
        """A comment between two frames: what is sent is always whole frames."""
        await self._head()
        await self.delivery.beat(HEARTBEAT)

    def interrupted(self, attempt: Attempt) -> Ended:
        """What was streamed until the deadline is booked."""
        error = attempt.out_of_time(answering=self.first_byte_ms is not None)
        return failure(attempt, error) if self.first_byte_ms is None else self._broken(error)

    async def _relay(self, pieces: AsyncIterator[bytes]) -> Ended:
        state = self.reader.state
        try:
            async for piece in self._until_the_end(pieces):
                if self.first_byte_ms is None:
                    self.first_byte_ms = self.attempt.milliseconds()
                frames = self.reader.feed(piece)
                if state.content_started and self.first_token is None:
                    self._content_came()
                await self._pass_on(frames)
                if state.error is not None:
                    raise state.error
                if self.delivery.gone:
                    return await self._after_leaving(pieces)
            if not state.complete:
                raise self._ended_early()
        except VendorError as error:
            # a connection that breaks or stalls behind a whole answer takes nothing from it
            if error is state.error or not state.complete:
                return self._broken(error)
        return Ended(
            result=self._result(outcome="ok", source="reported"),
            headers=self.headers,
            first_token=self.first_token,
        )

    def _ended_early(self) -> VendorError:
        """A stream that broke off; or a page that some proxy on the way has put in its place."""
        if not self.reader.state.content_started and self.content_type not in ("", EVENTS):
            return faults.malformed(
                f"the vendor's answer is {self.content_type[:80]}, not a stream of events"
            )
        return VendorError(
            error_class=ErrorClass.TRANSPORT,
            message="the vendor's stream ended before its answer did",
            code="stream_truncated",
        )

    def _cut(self) -> None:
        self.wait.reschedule(asyncio.get_running_loop().time())

    def _content_came(self) -> None:
        attempt = self.attempt
        self.first_token = attempt.gateway.clock() - attempt.began
        attempt.clearance.proved(self.first_token)
        self.wait.reschedule(None)

    async def _until_the_end(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The vendor's bytes; behind its terminal marker only for a moment, as some keep the line open."""
        async for piece in pieces:
            yield piece
            if self.reader.state.ended:
                break
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TAIL_SECONDS):
                async for piece in pieces:
                    yield piece

    async def _pass_on(self, frames: list[bytes]) -> None:
        if not frames:
            return
        if self.delivery.spoken:
            self.sent_at = self.attempt.gateway.clock()
            await self.delivery.send(b"".join(frames))
            return
        quiet = self._is_long_quiet()
        for frame in frames:
            self._hold(frame, quiet=quiet)
        if self.reader.state.content_started:
            await self.begin()
        elif quiet and any(is_heartbeat(frame) for frame in frames):
            await self._head()
            await self.delivery.beat(HEARTBEAT)

    def _hold(self, frame: bytes, *, quiet: bool) -> None:
        """Of heartbeats in a row one is enough, and none when our own go out: a vendor may send them
        for ever, and nobody takes them from us."""
        beats = self.held_back and is_heartbeat(self.held_back[-1])
        if not is_heartbeat(frame) or not (quiet or beats):
            self.held_back.append(frame)

    def _is_long_quiet(self) -> bool:
        gateway = self.attempt.gateway
        return gateway.clock() - self.attempt.job.began > gateway.keep_alive_seconds

    async def begin(self) -> None:
        """Send the head of the answer and what was held back."""
        self.sent_at = self.attempt.gateway.clock()
        await self._head()
        held_back, self.held_back = self.held_back, []
        await self.delivery.send(b"".join(held_back))

    async def _head(self) -> None:
        attempt = self.attempt
        self.delivery.told = self.reader.state
        await self.delivery.begin(
            Served(
                model=attempt.model.full_name,
                attempts=attempt.number,
                headers=self.headers,
                dropped=attempt.request.dropped,
                rates=attempt.admission.rates,
                fitted=attempt.fitted,
                overhead=attempt.began - attempt.job.began - attempt.waited_before,
            )
        )

    async def finish(self) -> None:
        """The end of a good stream; called when its settlement is durable."""
        if self.held_back or not self.delivery.begun:
            await self.begin()
        await self.delivery.last(b"".join(self.reader.close()))

    @property
    def is_whole(self) -> bool:
        """Whether the vendor's answer came to its end."""
        return self.reader.state.complete

    async def _after_leaving(self, pieces: AsyncIterator[bytes]) -> Ended:
        """The caller left: read on for the usage, within bounds, where the provider's policy is to."""
        gateway, provider = self.attempt.gateway, self.attempt.model.provider
        self.wait.reschedule(None)
        if provider.on_leave == "drain" and gateway.draining < MAX_DRAINING:
            gateway.draining += 1
            try:
                until = gateway.clock() + provider.drain_seconds
                async for piece in pieces:
                    frames = self.reader.feed(piece)
                    if self.delivery.keeps:
                        await self._pass_on(frames)
                    if gateway.clock() > until or self.reader.state.error is not None:
                        break
            except VendorError:
                pass  # broke off while nobody listens: estimated below
            finally:
                gateway.draining -= 1
        source = "drained" if self.reader.state.complete else "estimated"
        return Ended(
            result=self._result(outcome="client_closed", source=source), first_token=self.first_token
        )

    def _broken(self, error: VendorError) -> Ended:
        """The vendor failed inside its stream; what it had reported or sent is booked."""
        error.scrub(self.attempt.target.api_key)
        state = self.reader.state
        if state.usage is None and not state.content_started:
            return failure(self.attempt, error)
        source = "reported" if state.error is not None and self._is_told() else "estimated"
        return Ended(
            result=self._result(outcome="cut", source=source, error=error),
            error=error,
            first_token=self.first_token,
        )

    def _is_told(self) -> bool:
        """Whether the vendor's usage is its last word: OpenRouter bills in the very event of the error."""
        state = self.reader.state
        return state.usage is not None and "partial_usage" not in state.flags

    def _result(self, *, outcome: str, source: str, error: VendorError | None = None) -> Result:
        state = self.reader.state
        usage = state.usage
        if source == "estimated":
            job = self.attempt.job
            usage = estimation.usage_of_unfinished(
                state,
                request_bytes=job.parsed.size,
                context_tokens=bounds.kept_bound(job.kept, self.attempt.model),
            )
        return Result(
            outcome=outcome,
            usage=usage,
            usage_source=source,
            raw_usage=state.raw_usage,
            parts=state.parts,
            reported_cost=state.reported_cost,
            flags=state.flags,
            variant=state.variant,
            status=200,
            error_class=error.error_class.value if error else "",
            error_message=recorded_words(error) if error else "",
            finish_reason=state.finish_reason or "",
            served_model=state.model,
            upstream_id=state.upstream_id,
            first_byte_ms=self.first_byte_ms,
            latency_ms=self.attempt.milliseconds(),
        )


def is_heartbeat(frame: bytes) -> bool:
    """Comments alone, or Anthropic's ping."""
    if frame.startswith(b":"):
        return all(line.startswith(b":") for line in frame.splitlines() if line)
    return frame.startswith(b"event: ping")
