"""Who the made-up company is: teams, their keys, and what each of them calls. Plain data.

Token counts are medians; ``traffic`` draws around them. Models are named as callers name them.
"""

from dataclasses import dataclass, field

OFFICE = (0, 0, 0, 0, 0, 0, 1, 3, 8, 10, 10, 9, 7, 9, 10, 10, 8, 6, 3, 2, 1, 1, 0, 0)
DAY = (1, 1, 1, 1, 1, 2, 3, 5, 7, 8, 8, 8, 8, 8, 8, 8, 8, 7, 6, 5, 4, 3, 2, 1)
EVENING = (2, 1, 1, 1, 1, 2, 4, 5, 4, 4, 4, 5, 6, 5, 4, 4, 5, 7, 9, 10, 10, 9, 6, 4)
NIGHT = (6, 10, 10, 10, 8, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2)

HAIKU = "anthropic/claude-haiku-4-5"
SONNET = "anthropic/claude-sonnet-4-5"
OPUS = "anthropic/claude-opus-4-5"
FLASH = "gemini/gemini-2.5-flash"
FLASH_LITE = "gemini/gemini-2.5-flash-lite"
GEMINI_PRO = "gemini/gemini-2.5-pro"
GPT_4O = "openai/gpt-4o"
GPT_4O_MINI = "openai/gpt-4o-mini"
GPT_4_1 = "openai/gpt-4.1"
GPT_4_1_MINI = "openai/gpt-4.1-mini"
GPT_5 = "openai/gpt-5"
EMBEDDING = "openai/text-embedding-3-small"
MISTRAL_LARGE = "mistral/mistral-large-4"
DEEPSEEK = "deepseek/deepseek-v4-pro"
SELF_HOSTED = "gpu-cluster/llama-3.3-70b-internal"  # nobody has priced it: its calls are booked as unknown

# Who answers when a model's vendor does not.
FALLBACKS = {
    HAIKU: GPT_4O_MINI,
    SONNET: GPT_4_1,
    OPUS: GPT_5,
    FLASH: GPT_4O_MINI,
    FLASH_LITE: GPT_4O_MINI,
    GEMINI_PRO: GPT_5,
    DEEPSEEK: MISTRAL_LARGE,
}


@dataclass(frozen=True, slots=True)
class Workload:
    """One feature of one team.

    ``share``      of all calls, in percent
    ``models``     weight by model name; those of ``later`` hold from ``switch`` (a part of the period) on
    ``growth``     calls at the end of the period for each call at its beginning
    ``weekend``    calls on a Saturday for each call on a workday
    ``input``      uncached prompt tokens; ``prefix`` are those that the vendor may have cached
    ``reasoning``  tokens thought before the answer, by model; models that are not named do not think
    ``searches``   part of the calls that pay for a web search
    """

    team: str
    key: str
    feature: str
    route: str
    share: float
    models: dict[str, int]
    input: int
    output: int
    ceiling: int  # max_tokens that the feature asks for
    hours: tuple[int, ...] = DAY
    weekend: float = 0.3
    growth: float = 1.3
    later: dict[str, int] = field(default_factory=dict)
    switch: float = 1.0
    prefix: int = 0
    reasoning: dict[str, int] = field(default_factory=dict)
    streamed: float = 0.0
    searches: float = 0.0
    repeated: float = 0.0  # answered from the gateway's own cache
    spread: float = 0.5  # sigma of the log-normal draw

    @property
    def models_used(self) -> set[str]:
        return {*self.models, *self.later}


@dataclass(frozen=True, slots=True)
class Department:
    """A team and its budget. ``used`` is the part of a budget that should be spent by the end."""

    team: str
    title: str
    cost_center: str
    mode: str
    used: str
    period: str = "month"


DEPARTMENTS = (
    Department("search", "Search", "CC-100", "soft", "0.93"),
    Department("support", "Customer support", "CC-200", "soft", "1.14"),
    Department("research", "Research", "CC-300", "hard", "0.70"),
    Department("mobile", "Mobile apps", "CC-400", "soft", "0.62"),
    Department("data-platform", "Data platform", "CC-500", "hard", "0.60"),
    Department("marketing", "Marketing", "CC-400", "soft", "0.97", period="total"),
)

# Support's triage moves to the model with the lower price per token, and gets dearer: it thinks first.
TRIAGE = "triage"
# One night, data-platform's job runs on the dear route by mistake.
RERUN = Workload(
    team="data-platform",
    key="nightly-batch",
    feature="extraction",
    route="hot",
    share=0,  # not part of ordinary days
    models={SONNET: 1},
    input=110_000,
    output=5_000,
    ceiling=16_384,
    hours=NIGHT,
    spread=0.25,
)
RERUN_PART = 0.55  # its calls, as a part of an ordinary day's

WORKLOADS = (
    Workload(
        team="search",
        key="prod",
        feature="answers",
        route="warm",
        share=20,
        models={GPT_4_1_MINI: 1},
        later={GPT_4_1_MINI: 3, MISTRAL_LARGE: 1},
        switch=0.45,
        input=9_000,
        prefix=2_048,
        output=420,
        ceiling=2_048,
        weekend=0.75,
        growth=1.8,
        streamed=0.9,
        repeated=0.04,
    ),
    Workload(
        team="search",
        key="indexer",
        feature="embeddings",
        route="text-embedding-3-small",
        share=12,
        models={EMBEDDING: 1},
        input=7_500,
        output=0,
        ceiling=1,
        hours=NIGHT,
        weekend=1.0,
    ),
    Workload(
        team="support",
        key="helpdesk",
        feature=TRIAGE,
        route="economy",
        share=18,
        models={HAIKU: 1},
        later={HAIKU: 1, FLASH: 7},
        switch=0.5,
        input=48,
        output=4,
        ceiling=1_024,
        reasoning={FLASH: 112},
        weekend=0.5,
        spread=0.3,
    ),
    Workload(
        team="support",
        key="helpdesk",
        feature="reply-drafts",
        route="hot",
        share=9,
        models={SONNET: 1},
        input=5_200,
        prefix=18_000,
        output=900,
        ceiling=4_096,
        hours=OFFICE,
        weekend=0.25,
        streamed=1.0,
    ),
    Workload(
        team="research",
        key="agents",
        feature="agent",
        route="hot",
        share=5,
        models={GPT_5: 3, OPUS: 2},
        input=24_000,
        prefix=48_000,
        output=2_800,
        ceiling=32_000,
        reasoning={GPT_5: 6_200, OPUS: 2_600},
        hours=OFFICE,
        weekend=0.1,
        growth=2.4,
        searches=0.2,
        spread=0.8,
    ),
    Workload(
        team="research",
        key="notebooks",
        feature="exploration",
        route="gemini/gemini-2.5-pro",
        share=3,
        models={GEMINI_PRO: 1},
        input=24_000,
        output=2_000,
        ceiling=16_384,
        reasoning={GEMINI_PRO: 4_800},
        hours=OFFICE,
        weekend=0.05,
        streamed=0.5,
        spread=0.9,
    ),
    Workload(
        team="research",
        key="evaluation",
        feature="evaluation",
        route=SELF_HOSTED,
        share=1.5,
        models={SELF_HOSTED: 1},
        input=6_000,
        output=900,
        ceiling=4_096,
        hours=NIGHT,
        weekend=0.0,
    ),
    Workload(
        team="mobile",
        key="ios",
        feature="assistant",
        route="economy",
        share=11,
        models={GPT_4O_MINI: 3, FLASH_LITE: 2},
        input=3_200,
        prefix=2_400,
        output=320,
        ceiling=1_024,
        hours=EVENING,
        weekend=1.4,
        growth=2.2,
        streamed=1.0,
    ),
    Workload(
        team="mobile",
        key="android",
        feature="assistant",
        route="economy",
        share=8,
        models={GPT_4O_MINI: 3, FLASH_LITE: 2},
        input=3_000,
        prefix=2_400,
        output=310,
        ceiling=1_024,
        hours=EVENING,
        weekend=1.4,
        growth=2.6,
        streamed=1.0,
    ),
    Workload(
        team="data-platform",
        key="nightly-batch",
        feature="extraction",
        route="cold",
        share=9,
        models={DEEPSEEK: 1},
        input=45_000,
        output=4_000,
        ceiling=16_384,
        hours=NIGHT,
        weekend=1.0,
        growth=1.1,
        spread=0.4,
    ),
    Workload(
        team="marketing",
        key="copy-desk",
        feature="copy",
        route="warm",
        share=3.5,
        models={GPT_4O: 1},
        input=6_000,
        output=1_400,
        ceiling=4_096,
        hours=OFFICE,
        weekend=0.0,
        streamed=0.6,
    ),
)


def keys_of(team: str) -> list[str]:
    return sorted({workload.key for workload in WORKLOADS if workload.team == team})


def models_used() -> set[str]:
    """Every model that an event may name."""
    used = {model for workload in (*WORKLOADS, RERUN) for model in workload.models_used}
    return used | set(FALLBACKS.values())
