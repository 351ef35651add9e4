"""The upstream of every subject: nginx with two canned answers, one plain and one streamed.

It answers 50 to 80 thousand requests a second, so it is never what limits a gateway written in Python.
"""

import json
import os
import pwd
import urllib.request
from pathlib import Path

import processes

PORT = 18901  # benchmarks/bench.toml names it too
PLAIN_PATH = "/v1/chat/completions"
STREAM_PATH = "/stream/v1/chat/completions"
STREAM_CHUNKS = 60  # content chunks of the streamed answer; the finish and usage chunks come on top

_SENTENCE = "A ledger that cannot lose an entry is worth more than a dashboard that looks right. "

_CONFIG = """\
{user}daemon off;
worker_processes 1;
pid nginx.pid;
error_log logs/nginx.log warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 100000000;
    keepalive_timeout 600s;
    client_body_buffer_size 256k;
    client_max_body_size 32m;
    client_body_temp_path nginx/body;
    proxy_temp_path nginx/proxy;
    fastcgi_temp_path nginx/fastcgi;
    scgi_temp_path nginx/scgi;
    uwsgi_temp_path nginx/uwsgi;
    tcp_nodelay on;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location = {plain_path} {{ default_type application/json; return 200 '{plain}'; }}
        location = {stream_path} {{ error_page 405 =200 /stream.sse; return 405; }}
        location = /stream.sse {{
            internal;
            root nginx/static;
            types {{ }}
            default_type text/event-stream;
            # A filter that finds nothing: nginx then does not know the length and sends chunked, as vendors.
            sub_filter_types text/event-stream;
            sub_filter 'never in the answer' '';
        }}
        location = /status {{ stub_status; }}
    }}
}}
"""


def plain_answer() -> bytes:
    """An OpenAI chat completion of about 650 bytes."""
    return json.dumps(
        {
            "id": "chatcmpl-BenchmarkPlainAnswer00001",
            "object": "chat.completion",
            "created": 1767225600,
            "model": "bench",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": _SENTENCE * 2, "refusal": None},
                    "logprobs": None,
                    "finish_reason": "stop",
                }
            ],
            "usage": _usage(),
            "service_tier": "default",
            "system_fingerprint": "fp_bench",
        },
        separators=(",", ":"),
    ).encode()


def stream_answer() -> bytes:
    """The same kind of answer as server-sent events: role, content, finish, usage, ``[DONE]``."""
    words = (_SENTENCE * 10).split(" ")[:STREAM_CHUNKS]
    deltas: list[dict[str, object]] = [{"role": "assistant", "content": "", "refusal": None}]
    deltas += [{"content": f"{word} "} for word in words]
    choices = [[{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}] for delta in deltas]
    choices.append([{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}])
    events = [_chunk(choice, None) for choice in choices] + [_chunk([], _usage())]
    return b"".join(b"data: " + event + b"\n\n" for event in [*events, b"[DONE]"])


def start(directory: Path, core: int) -> processes.Program:
    """Write nginx's configuration below ``directory`` and start it pinned to ``core``."""
    static = directory / "nginx" / "static"
    static.mkdir(parents=True, exist_ok=True)
    (directory / "logs").mkdir(exist_ok=True)
    (static / "stream.sse").write_bytes(stream_answer())
    configuration = _CONFIG.format(
        user=f"user {pwd.getpwuid(0).pw_name};\n" if os.getuid() == 0 else "",
        port=PORT,
        plain_path=PLAIN_PATH,
        stream_path=STREAM_PATH,
        plain=plain_answer().decode(),
    )
    (directory / "nginx.conf").write_text(configuration)
    command = ["nginx", "-p", str(directory), "-c", "nginx.conf", "-e", "logs/nginx.log"]
    program = processes.start("nginx", command, core=core, log=directory / "logs" / "nginx.out")
    processes.wait_for_port(program, PORT, seconds=10)
    return program


def requests_served() -> int:
    """How many requests nginx has answered so far, this question not included."""
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/status", timeout=10) as answer:
        text = answer.read().decode()
    return int(text.splitlines()[2].split()[2]) - 1


def _chunk(choices: list[dict[str, object]], usage: dict[str, object] | None) -> bytes:
    return json.dumps(
        {
            "id": "chatcmpl-BenchmarkStreamAnswer0001",
            "object": "chat.completion.chunk",
            "created": 1767225600,
            "model": "bench-stream",
            "system_fingerprint": "fp_bench",
            "choices": choices,
            "usage": usage,
        },
        separators=(",", ":"),
    ).encode()


def _usage() -> dict[str, object]:
    return {
        "prompt_tokens": 57,
        "completion_tokens": 62,
        "total_tokens": 119,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }
