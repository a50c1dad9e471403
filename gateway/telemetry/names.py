"""OpenTelemetry names on one page: the GenAI semantic conventions (open-telemetry/semantic-conventions-genai), our own.

Two sets of the conventions' names, by option `semconv`. `legacy` is what dashboards and backends know: metrics as of
1.41, the last version of the main repository, and `gen_ai.system` beside the attribute that took its place in 1.37.
`latest` is what the conventions' own repository says; it renames still.
"""

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
SYSTEM = "gen_ai.system"  # legacy only
REQUEST_MODEL = "gen_ai.request.model"
REQUEST_STREAM = "gen_ai.request.stream"
RESPONSE_MODEL = "gen_ai.response.model"
RESPONSE_ID = "gen_ai.response.id"
FINISH_REASONS = "gen_ai.response.finish_reasons"
FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
INPUT_TOKENS = "gen_ai.usage.input_tokens"  # cached ones included
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"  # reasoning included
CACHE_READ = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE_LEGACY = "gen_ai.usage.cache_creation.input_tokens"
CACHE_WRITE = "gen_ai.usage.cache_write.input_tokens"
REASONING = "gen_ai.usage.reasoning.output_tokens"
COST = "gen_ai.usage.cost"  # in the price book's currency; not in the conventions yet, but read by backends
TOKEN_TYPE = "gen_ai.token.type"  # noqa: S105  the conventions' name, not a secret
TOKEN_MODALITY = "gen_ai.token.modality"  # noqa: S105
EVALUATION_EVENT = "gen_ai.evaluation.result"
EVALUATION = "gen_ai.evaluation.name"
SCORE = "gen_ai.evaluation.score.value"
SCORE_LABEL = "gen_ai.evaluation.score.label"
ERROR_TYPE = "error.type"
STATUS_CODE = "http.response.status_code"

PROMPT_NAME = "gen_ai.prompt.name"
PROMPT_VERSION = "gen_ai.prompt.version"
PROMPT_DIGEST = "gateway.prompt.digest"
PROMPT_LABEL = "gateway.prompt.label"
PROMPT_VARIABLES = "gateway.prompt.variables"
TENANT = "gateway.tenant"
TEAM = "gateway.team"
KEY_ID = "gateway.key.id"
REQUEST_ID = "gateway.request.id"
TARGET = "gateway.target"
ROUTE = "gateway.route"
VARIANT = "gateway.route.variant"
CACHE = "gateway.cache"
GUARDS = "gateway.guards"
ATTEMPT = "gateway.attempt"
ROLE = "gateway.attempt.role"
ACCOUNT = "gateway.attempt.account"
OUTCOME = "gateway.outcome"
RULE = "gateway.policy.rule"
POLICY = "gateway.policy.version"
WOULD_DENY = "gateway.policy.would_deny"  # rules in audit mode
PRICE_VERSION = "gateway.price.version"
COST_NANO = "gateway.cost.nano"
QUEUED_MS = "gateway.queued_ms"
UPSTREAM_REQUEST_ID = "gateway.upstream.request.id"
# The gateway counts tokens where an application's own instrumentation may count them too: this span is the bill.
AUTHORITATIVE = "gateway.usage.authoritative"

SERVER_DURATION = "gen_ai.server.request.duration"
FIRST_TOKEN = "gen_ai.server.time_to_first_token"  # noqa: S105
PER_TOKEN = "gen_ai.server.time_per_output_token"  # noqa: S105
CLIENT_DURATION_LEGACY = "gen_ai.client.operation.duration"
CLIENT_DURATION = "gen_ai.client.inference.duration"
TOKENS_LEGACY = "gen_ai.client.token.usage"
INPUT_PER_CALL = "gen_ai.client.inference.operation.input_tokens"
OUTPUT_PER_CALL = "gen_ai.client.inference.operation.output_tokens"
INPUT_USED = "gen_ai.client.inference.usage.input_tokens"
OUTPUT_USED = "gen_ai.client.inference.usage.output_tokens"
CACHE_READ_USED = "gen_ai.client.inference.usage.cache_read.input_tokens"
CACHE_WRITE_USED = "gen_ai.client.inference.usage.cache_write.input_tokens"
REASONING_USED = "gen_ai.client.inference.usage.reasoning.output_tokens"

# The boundaries that the conventions advise.
TOKEN_BOUNDS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)
DURATION_BOUNDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
FIRST_TOKEN_BOUNDS = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
PER_TOKEN_BOUNDS = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)
