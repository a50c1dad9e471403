"""`python -m tests.speed.prompts`: what prompts cost: to read, to check variables, to render.

Microseconds of one core in one run, the best of five. The bars: a template of 2 KB with ten variables, a loop over five
items, two conditions and a partial renders to messages in ≤ 30 µs; of 1,000 prompts of 1 KB with ten versions each, a
version is read and examined in ≤ 100 µs on average. Half of what a file takes is its YAML, and versions of a prompt mostly
share theirs.
"""

import itertools
import sys
from collections.abc import Iterator

from gateway.prompts.dotprompt import Prompt, check, read
from gateway.prompts.dotprompt import front_matter as _front_matter
from tests.speed.decisions import Figure, shown
from tests.speed.pricing import each

FRONT = """\
---
name: support/triage{}
description: Route a customer message
model: fast-general
config: {{temperature: 0, maxOutputTokens: 200}}
input:
  schema: {{message: string, locale?: string, product(enum): [card, loan, app], (*): any}}
  default: {{locale: en}}
output:
  format: json
  schema: {{queue(enum): [billing, fraud, other], urgent: boolean}}
metadata: {{owner: cx-platform}}
gateway.overridable: [max_output_tokens]
gateway.dataClass: internal
gateway.margin: 0.02
---
"""
SENTENCE = "Be brief and kind, say what happens next, and never promise what the policy does not allow. "
SMALL = f"""\
{{{{role "system"}}}}
You route messages about {{{{product}}}}. Answer in {{{{locale}}}} JSON. {SENTENCE}
{SENTENCE * 2}
{{{{> style-guide}}}}
{{{{#if vip}}}}
This customer is a VIP; route to the fast lane.
{{{{/if}}}}
{{{{role "user"}}}}
{{{{message}}}}
"""
LARGE = f"""\
{{{{role "system"}}}}
You are {{{{agent}}}} of {{{{company}}}}, in {{{{city}}}}. {SENTENCE * 3}
Today is {{{{day}}}}. Answer in {{{{locale}}}}. {SENTENCE * 3}
{{{{#if vip}}}}
{{{{customer}}}} is a VIP since {{{{since}}}}. {SENTENCE * 3}
{{{{else}}}}
An ordinary customer.
{{{{/if}}}}
{{{{> style-guide}}}}
{SENTENCE * 3}
{{{{#each examples}}}}
- {{{{question}}}} → {{{{answer}}}}
{{{{/each}}}}
{{{{#if note}}}}
Note: {{{{note}}}}
{{{{/if}}}}
{SENTENCE * 7}
{{{{role "user"}}}}
{{{{message}}}}
"""
PARTIALS = {
    "style-guide": "Write plainly, in short sentences.\nNever use exclamation marks, in {{locale}} or elsewhere.\n"
}
VARIABLES = {
    "agent": "Ann", "company": "Acme", "city": "Berlin", "day": "Monday", "locale": "en", "vip": True, "customer": "Bob",
    "since": 2019, "note": "called twice", "product": "card", "message": "my card was stolen, and I am abroad. " * 3,
    "examples": [{"question": f"question {n}", "answer": f"answer {n}"} for n in range(5)],
}  # fmt: skip


def _read(source: str) -> Prompt:
    return read(source, path="t.prompt", partials=PARTIALS.get)


def _read_anew(source: str) -> Prompt:
    """As if no other version of the prompt had been read."""
    _front_matter._quickly.cache_clear()
    return _read(source)


def figures(times: int) -> Iterator[Figure]:
    large, small = _read(FRONT.format("") + LARGE), FRONT.format("") + SMALL
    yield Figure(
        "rendering 2 KB: ten variables, a loop, two conditions, a partial",
        each(lambda: large.render(VARIABLES), times),
        "µs",
        30,
    )
    yield Figure("checking its variables", each(lambda: check(large, VARIABLES), times), "µs")
    yield Figure("reading a file of 1 KB", each(lambda: _read_anew(small), times), "µs")
    yield Figure("reading another version of it, with the same front matter", each(lambda: _read(small), times), "µs")
    few = max(1, times // 10)
    yield Figure("reading it, and rendering it the first time", each(lambda: _read(small).render(VARIABLES), few), "µs")
    numbers = itertools.count()
    kept: list[Prompt] = []

    def versions() -> None:
        """Ten of each prompt, all kept."""
        kept.clear()
        for _ in range(times):
            front = FRONT.format(next(numbers))
            kept.extend(_read(f"{front}{SMALL}{version}") for version in range(10))

    average = each(versions, 1) / times / 10
    yield Figure("reading 1,000 prompts of ten versions each, all kept: a version", average, "µs", 100)


def main() -> int:
    return shown(list(figures(1000)))


if __name__ == "__main__":
    sys.exit(main())
