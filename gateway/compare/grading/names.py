"""The words for assertions: promptfoo's where it has one (https://www.promptfoo.dev/docs/configuration/expected-outputs/),
and what is said to those who use one that is not known here."""

from collections.abc import Mapping

NOT = "not-"
SET = "assert-set"
# promptfoo's.
DETERMINISTIC = (
    "equals", "contains", "icontains", "contains-any", "contains-all", "icontains-any", "icontains-all", "starts-with",
    "regex", "is-json", "contains-json", "is-html", "is-xml", "is-refusal", "is-valid-openai-tools-call",
    "tool-call-f1", "finish-reason", "latency", "cost", "word-count", "rouge-n", "bleu", "gleu", "meteor",
    "levenshtein",
)  # fmt: skip
# This gateway's own, and OpenAI's name for one.
OWN = ("json-path", "numeric", "tool-call", "tokens", "fuzzy_match")
JUDGED = ("similar", "llm-rubric", "g-eval", "factuality", "model-graded-closedqa", "select-best", "python")
NAMES = (*DETERMINISTIC, *OWN, *JUDGED)
# Compares answers with one another: of one answer it has nothing to say, nor has its negation.
TOGETHER = "select-best"
ALIASES: Mapping[str, str] = {
    "similar:cosine": "similar",
    "model-graded-factuality": "factuality",
    "grade": "llm-rubric",
}
WORDS = (*NAMES, *(NOT + name for name in NAMES if name != TOGETHER), SET)

_CODE = "it runs code in the process that grades; say it with json-path, regex or numeric"
_TRACES = "it reads traces, and what is graded here is an answer"
_RAG = "write what must hold as an llm-rubric, with the context in a variable of it"
REFUSED: Mapping[str, str] = {
    "javascript": _CODE + ", or with python on the command line",
    "ruby": _CODE,
    "webhook": "it sends answers to an address in a file; grade where the answers are",
    "is-sql": "it needs a parser of each database's dialect",
    "contains-sql": "it needs a parser of each database's dialect",
    "contains-html": "is-html looks at a whole answer, and regex at a part",
    "contains-xml": "is-xml looks at a whole answer, and regex at a part",
    "perplexity": "it needs the logarithms of probabilities, which most upstreams do not send",
    "perplexity-score": "it needs the logarithms of probabilities, which most upstreams do not send",
    "classifier": "it needs a classifier that is hosted elsewhere; a guard can ask one",
    "moderation": "it needs a moderation service; a guard can ask one",
    "guardrails": "what guards found stands in the ledger's record of the call",
    "pi": "it needs an outside scorer",
    "max-score": "compare the cases' scores instead",
    "similar:dot": "vectors of different lengths do not compare; use similar (cosine)",
    "similar:euclidean": "vectors of different lengths do not compare; use similar (cosine)",
    "is-valid-function-call": "functions became tools; use is-valid-openai-tools-call",
    "is-valid-openai-function-call": "functions became tools; use is-valid-openai-tools-call",
    "search-rubric": "a judge that searches the web grades something else each day; use llm-rubric",
    "agent-rubric": "a judge with tools is an agent; use llm-rubric",
    "skill-used": _TRACES,
    "trace-span-count": _TRACES,
    "trace-span-duration": _TRACES,
    "trace-error-spans": _TRACES,
    "trajectory:tool-used": _TRACES + "; of its own calls tool-call and tool-call-f1 tell",
    "trajectory:tool-args-match": _TRACES + "; of its own calls tool-call tells",
    "trajectory:tool-sequence": _TRACES,
    "trajectory:step-count": _TRACES,
    "trajectory:goal-success": _TRACES,
    "answer-relevance": _RAG,
    "context-recall": _RAG,
    "context-relevance": _RAG,
    "context-faithfulness": _RAG,
    "conversation-relevance": _RAG,
}


def plain_name(type: str) -> tuple[str, bool]:
    """(the word without its `not-`, whether it had one); an alias is its word."""
    negated = type.startswith(NOT)
    name = type.removeprefix(NOT) if negated else type
    return ALIASES.get(name, name), negated
