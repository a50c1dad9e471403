"""One version of a prompt: its file, its partials, and its template, compiled when it is first asked for.

That a version is what was published is known without compiling it, if the bytes of its file and of its partials are
those that its lock names. What the lock cannot vouch for so is compiled at once, when it is loaded. Either way nothing
is served before its digest was compared with the lock's.
"""

import re
from collections.abc import Collection, Mapping

import msgspec

from gateway.prompts.digests import digest_of, source_digest
from gateway.prompts.document import Published
from gateway.prompts.dotprompt import Prompt, read
from gateway.prompts.refusing import UnusablePrompt
from gateway.prompts.requests import make_frame
from gateway.stores.documents import DocumentError


class Partial(msgspec.Struct, frozen=True):
    """A partial as one prompt sees it. `digest`: of the file's bytes."""

    name: str
    file: str
    text: str
    digest: str


Partials = Mapping[str, Partial]


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Something wrong with a file.

    Attributes:
        line: counts from 1; 0: the file as a whole.
        prompt: whose it is; empty: nobody's. version: which of its versions it is about, or 0.
    """

    file: str
    line: int
    reason: str
    prompt: str = ""
    version: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}" if self.line else f"{self.file}: {self.reason}"


class Version:
    """Attributes:
    name, number: of the prompt, and the version's own; 0 for a draft. lock: its line; None for a draft.
    file: its path, for errors. data: its bytes. partials: those in reach of it.
    problem: why it cannot be served, as far as anybody has tried.
    """

    __slots__ = (
        "_digest", "_needs", "_prompt", "data", "file", "lock", "name", "number", "partials", "problem", "verified",
    )  # fmt: skip

    def __init__(
        self, name: str, number: int, lock: Published | None, file: str, data: bytes, partials: Partials
    ) -> None:
        self.name, self.number, self.lock = name, number, lock
        self.file, self.data, self.partials = file, data, partials
        self.problem: Problem | None = None
        self.verified = False
        self._digest = "" if lock is None else lock.digest
        self._needs: Collection[str] | None = None
        self._prompt: Prompt | None = None

    @property
    def digest(self) -> str:
        """`sha256:` and 64 hex digits; of a draft empty, until it is compiled."""
        return self._digest

    @property
    def needed(self) -> Partials:
        """The partials that it is made of, if that is known by now; else all in reach."""
        needs = self._needs
        return self.partials if needs is None else {name: self.partials[name] for name in needs}

    def vouched(self) -> bool:
        """Whether the lock names the very bytes of the file and its partials."""
        lock = self.lock
        if lock is None or lock.source is None or lock.source != source_digest(self.data):
            return False
        if any(
            name not in self.partials or self.partials[name].digest != digest for name, digest in lock.partials.items()
        ):
            return False
        self._needs = lock.partials.keys()
        return True

    def same_as(self, before: "Version") -> bool:
        """Whether nothing that counts has changed since: then that one is as good, with what it has compiled."""
        if self.data != before.data or self.lock != before.lock or self.file != before.file:
            return False
        if self.partials is before.partials:
            return True
        needs = before._needs
        return needs is not None and all(self.partials.get(name) == before.partials.get(name) for name in needs)

    def refuse(self, problem: Problem) -> None:
        """It is never served."""
        self.problem, self.verified = problem, True

    def prompt(self) -> Prompt:
        """The template, kept for the next time.

        Raises:
            UnusablePrompt: it cannot be compiled, or is not what was published.
        """
        found = self._prompt
        if found is None:
            found = self._compiled()
            if found is None:
                raise UnusablePrompt(
                    f"version {self.number} of the prompt `{self.name}` cannot be used now", param="prompt.version"
                )
            self._prompt = found
        return found

    def verify(self) -> Problem | None:
        """Compile it once and forget the template; what is wrong with it, if anything is."""
        if not self.verified:
            self._compiled()
        return self.problem

    def _compiled(self) -> Prompt | None:
        if self.problem is not None:
            return None
        try:
            prompt, digest = compile_prompt(self.file, self.data, self._own_partials())
        except DocumentError as error:
            self.problem = self._told(error.file, error.line, error.reason)
            return None
        finally:
            self.verified = True
        if self.lock is not None and digest != self.lock.digest:
            self.problem = self._told(self.file, 0, why_changed(self, digest))
            return None
        self._digest, self._needs = digest, prompt.partials.keys()
        return prompt

    def _own_partials(self) -> Partials:
        """Those that it was published with, where its lock names them: one that has come into reach since, under a name
        for which it had a block of its own, is none of its."""
        lock = self.lock
        if lock is None or lock.source is None:
            return self.partials
        return {name: self.partials[name] for name in lock.partials if name in self.partials}

    def _told(self, file: str, line: int, reason: str) -> Problem:
        return Problem(file=file, line=line, reason=reason, prompt=self.name, version=self.number)


def compile_prompt(file: str, data: bytes, partials: Partials) -> tuple[Prompt, str]:
    """The template and its digest.

    Raises:
        DocumentError: the file or a partial cannot be used; with the line.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise DocumentError(file, data.count(b"\n", 0, error.start) + 1, "is not UTF-8") from None
    prompt = read(
        text,
        path=file,
        partials=lambda name: partials[name].text if name in partials else None,
        partial_names=partials.keys(),
    )
    try:
        make_frame(prompt)
    except ValueError as error:
        key = re.split(r"\W", str(error), maxsplit=1)[0]  # what it is about stands first: `config.topK is …`
        raise DocumentError(file, line_of(data, key), str(error)) from None
    try:
        return prompt, digest_of(prompt.raw, prompt.template.source.text, prompt.partials)
    except ValueError as error:
        raise DocumentError(file, 0, f"front matter that is no JSON: {error}") from None


def line_of(data: bytes, key: str) -> int:
    """Where a key of the front matter stands; 0, if it does not."""
    found = re.search(rb"^" + re.escape(key.encode()) + rb":", data, re.MULTILINE)
    return data.count(b"\n", 0, found.start()) + 1 if found else 0


def why_changed(version: Version, digest: str) -> str:
    """Why a version is not what its lock says, and what to do."""
    lock = version.lock
    assert lock is not None, "published"
    changed = [
        name
        for name, known in lock.partials.items()
        if name not in version.partials or version.partials[name].digest != known
    ]
    if changed and lock.source == source_digest(version.data):
        return (
            f"version {version.number} is refused: its partial `{changed[0]}` is not what it was when the version was "
            f"published; restore `_{changed[0]}.prompt`, and put what is new into a partial of another name"
        )
    return (
        f"version {version.number} is refused: it is not what was published ({digest[:19]}…, not "
        f"{lock.digest[:19]}…); restore the file, or publish a new version"
    )
