"""OpenTelemetry names: the GenAI semantic conventions (open-telemetry/semantic-conventions-genai) and our own.

`LATEST` renames what changed after the conventions moved to their own repository; dashboards mostly know the older.
"""

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
REQUEST_STREAM = "gen_ai.request.stream"
RESPONSE_MODEL = "gen_ai.response.model"
RESPONSE_ID = "gen_ai.response.id"
FINISH_REASONS = "gen_ai.response.finish_reasons"
FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHE_READ = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE = "gen_ai.usage.cache_creation.input_tokens"
REASONING = "gen_ai.usage.reasoning.output_tokens"
COST = "gen_ai.usage.cost"
TOKEN_TYPE = "gen_ai.token.type"  # noqa: S105  the conventions' name, not a secret
ERROR_TYPE = "error.type"
STATUS_CODE = "http.response.status_code"

TENANT = "gateway.tenant"
TEAM = "gateway.team"
KEY_ID = "gateway.key.id"
REQUEST_ID = "gateway.request.id"
TARGET = "gateway.target"
OUTCOME = "gateway.outcome"
RULE = "gateway.policy.rule"
POLICY = "gateway.policy.version"
PRICE_VERSION = "gateway.price.version"
COST_NANO = "gateway.cost.nano_usd"
# The gateway counts tokens where an application's own instrumentation may count them too: this span is the bill.
AUTHORITATIVE = "gateway.usage.authoritative"

METRIC_TOKENS = "gen_ai.client.token.usage"
METRIC_CLIENT_DURATION = "gen_ai.client.operation.duration"
METRIC_SERVER_DURATION = "gen_ai.server.request.duration"
METRIC_FIRST_TOKEN = "gen_ai.server.time_to_first_token"  # noqa: S105
METRIC_PER_TOKEN = "gen_ai.server.time_per_output_token"  # noqa: S105

LATEST = {
    CACHE_WRITE: "gen_ai.usage.cache_write.input_tokens",
    METRIC_CLIENT_DURATION: "gen_ai.client.inference.duration",
}

TOKEN_BUCKETS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)
DURATION_BUCKETS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
FIRST_TOKEN_BUCKETS = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
PER_TOKEN_BUCKETS = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)
