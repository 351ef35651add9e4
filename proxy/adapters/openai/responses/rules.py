"""What /responses can do for callers of other dialects: they take it where /chat/completions refuses them."""

from proxy.adapters.openai.chat import rules
from proxy.interchange.features import Rules, dropped, mapped, refused

_NOT_HERE = refused("these models take it neither here nor, with tools, on chat completions")

RULES: Rules = {
    **rules.OPENAI,
    "max_tokens": mapped("max_output_tokens, which includes thinking; at least 16"),
    "messages": mapped("input items"),
    "format": mapped("text.format"),
    "thinking": mapped("reasoning.effort, the nearest that the model knows"),
    "output_effort": mapped("reasoning.effort"),
    "verbosity": mapped("text.verbosity"),
    "logprobs": mapped("top_logprobs"),
    "metadata": mapped(),
    "seed": dropped("this path has no seed, which is best effort anywhere"),
    "prediction": dropped("saves time alone; no effect on the answer"),
    "stop": _NOT_HERE,
    "n": refused("gives one answer per call on this path"),
    "presence_penalty": _NOT_HERE,
    "frequency_penalty": _NOT_HERE,
    "logit_bias": _NOT_HERE,
}
