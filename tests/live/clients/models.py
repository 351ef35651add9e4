"""The models that clients are tried on."""

EACH_VENDOR = ("gpt-4o", "claude-haiku-4-5", "gemini-2.5-flash")

# Models that think, beside those of the common configuration.
CONFIGURATION = """
[[models]]
provider = "openai"
name = "gpt-5.6-luna"
context_window = 400000
max_output_tokens = 128000
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "1.25"
output = "10.00"

[[models]]
provider = "openai"
name = "text-embedding-3-small"
context_window = 8191
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "0.02"
output = "0"

[[models]]
provider = "gemini"
name = "gemini-3-flash"
context_window = 1048576
max_output_tokens = 65536
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "0.50"
output = "3.00"
"""
