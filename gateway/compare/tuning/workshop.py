"""Candidates, made out of words and examples, and everything that makes one none.

A proposal is a text by a model that has read answers and cases, which anybody may have written. It becomes a candidate
only if it changes nothing but words: same tags in the same order, same front matter, and it compiles.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from gateway.compare.running.trials import Arm
from gateway.compare.tuning.examples import FOREIGN_MARK, Example, block_of
from gateway.compare.tuning.layout import Layout, layout_of, place_of_examples, with_words, without_examples
from gateway.prompts.dotprompt import Prompt
from gateway.prompts.handlebars import TemplateError
from gateway.prompts.versions import Partials, compile_prompt
from gateway.stores.documents import DocumentError

LONGEST, TIMES = 4_000, 4
SHOWN = 6
USER = '{{role "user"}}'


class Refused(ValueError):
    """Not a candidate. Says why, in words for whoever has proposed it."""


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """The version that is tuned.

    Attributes:
        version: 0: a draft. data: the file's bytes. partials: in reach of it. parameters: further fields of requests.
        model: instead of the prompt's own; empty: that.
    """

    name: str
    version: int
    digest: str
    prompt: Prompt
    data: bytes
    partials: Partials
    model: str = ""
    parameters: Mapping[str, object] = {}


class Candidate(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """A version that is tried. `words`: by section; `source`: the whole file; `how`: where it comes from."""

    words: Mapping[str, str]
    examples: tuple[Example, ...]
    source: str
    prompt: Prompt
    digest: str
    arm: Arm
    how: str


class Workshop:
    """Attributes:
    start: what is tuned, as a candidate. layout: of its body, without examples of an earlier tuning.

    Raises:
        Refused: the start cannot be tuned.
    """

    def __init__(self, start: Start) -> None:
        self._from = start
        body = start.prompt.template.source.text
        text = start.data.decode().removeprefix("\ufeff")
        self._head = text[: text.rfind(body)] if body else text
        bare, self._old_examples = without_examples(body)
        self.layout: Layout = layout_of(bare)
        if self._old_examples and self._put(bare, self._old_examples) != body:
            # They do not stand where examples are put: then they are words like any others.
            self._old_examples, self.layout = "", layout_of(body)
        self.words = self.layout.words
        arm = self._arm(start.digest, str(start.version) if start.version else "draft")
        self.start = Candidate(
            words=self.words, examples=(), source=text, prompt=start.prompt, digest=start.digest, arm=arm, how="start"
        )

    @property
    def takes_examples(self) -> bool:
        return place_of_examples(self.layout) is not None

    def make(self, words: Mapping[str, str], examples: Sequence[Example], how: str) -> Candidate:
        """A candidate.

        Args:
            words: by section; the others stay as they are. examples: instead of those there are; none: they stay.

        Raises:
            Refused: it is none.
        """
        for name, text in words.items():
            if text.strip() != self.words[name]:
                self._check_words(name, text.strip())
        bare = with_words(self.layout, {name: text for name, text in words.items() if text.strip() != self.words[name]})
        self._check_tags(bare)
        body = self._put(bare, block_of(examples) if examples else self._old_examples)
        source = f"{self._head}{body.rstrip()}\n"
        prompt, digest = self._compiled(source, body)
        return Candidate(
            words={**self.words, **words},
            examples=tuple(examples),
            source=source,
            prompt=prompt,
            digest=digest,
            arm=self._arm(digest, digest.removeprefix("sha256:")[:12]),
            how=how,
        )

    def _arm(self, digest: str, which: str) -> Arm:
        start = self._from
        return Arm(
            name=f"{start.name}@{which}",
            kind="prompt",
            model=start.model,
            prompt=start.name,
            version=start.version if digest == start.digest else 0,
            digest=digest,
            local=True,
            parameters=start.parameters,
        )

    def _check_words(self, name: str, text: str) -> None:
        if not text:
            raise Refused("it is empty")
        most = max(LONGEST, TIMES * len(self.words[name]))
        if len(text) > most:
            raise Refused(f"it has {len(text)} characters, and {most} are the most")
        if any(not letter.isprintable() and letter not in "\n\t" for letter in text):
            raise Refused("it holds characters that cannot be printed")
        if FOREIGN_MARK in text:
            raise Refused(f"`{FOREIGN_MARK}` is a mark that other tools take for a role; take it out")

    def _check_tags(self, bare: str) -> None:
        try:
            found = layout_of(bare).written()
        except TemplateError as error:
            raise Refused(f"it is no template: line {error.line}, {error.reason}") from None
        wanted = self.layout.written()
        if found == wanted:
            return
        lost, new = Counter(wanted) - Counter(found), Counter(found) - Counter(wanted)
        reasons = [f"{what} {_few(list(tags))}" for what, tags in (("it lacks", lost), ("it adds", new)) if tags]
        reason = " and ".join(reasons) or "it has its tags in another order"
        raise Refused(f"{reason}; every tag {{{{…}}}} stays as it is, once, in the same order, and none is added")

    def _put(self, bare: str, block: str) -> str:
        if not block:
            return bare
        layout = layout_of(bare)
        place = place_of_examples(layout)
        if place is None:
            raise Refused("there is no place for examples: the prompt does not end with a message of the user")
        implied = USER if layout.sections[-1].start == 0 else ""
        return f"{bare[:place]}{block}{implied}{bare[place:]}"

    def _compiled(self, source: str, body: str) -> tuple[Prompt, str]:
        start = self._from
        try:
            prompt, digest = compile_prompt("the proposal", source.encode(), start.partials)
        except (DocumentError, UnicodeEncodeError) as error:
            raise Refused(f"it does not compile: {getattr(error, 'reason', error)}") from None
        if prompt.raw != start.prompt.raw or prompt.template.source.text.strip() != body.strip():
            raise Refused("it would be read as front matter; a text does not begin with `---`")
        return prompt, digest


def _few(tags: Sequence[str]) -> str:
    shown = ", ".join(f"`{tag}`" for tag in tags[:SHOWN])
    return f"{shown} and {len(tags) - SHOWN} more" if len(tags) > SHOWN else shown
