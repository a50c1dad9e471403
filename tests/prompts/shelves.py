"""What tests of prompts as files share: a folder of them, written and published as people do."""

from pathlib import Path

from gateway.core.clock import SystemClock
from gateway.prompts.labels.moves import Positions
from gateway.prompts.library import Library
from gateway.prompts.loading import read_library
from gateway.prompts.publishing import Publication, publish

BODY = '---\nmodel: m\nconfig: {{temperature: 0.5}}\n---\n{{{{role "system"}}}}\n{text}\n{{{{role "user"}}}}\n{{{{message}}}}\n'


class StandingClock(SystemClock):
    """Stands at one moment until it is moved."""

    def __init__(self, at: float = 1_795_000_000.0) -> None:
        self.at = at

    def now(self) -> float:  # type: ignore[override]
        return self.at

    def now_ns(self) -> int:  # type: ignore[override]
        return int(self.at * 1e9)


class Shelf:
    """A folder of prompts."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        self.clock = StandingClock()

    def write(self, path: str, text: str) -> Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return target

    def draft(self, name: str, text: str) -> None:
        """A draft that says `text` as the system."""
        self.write(f"{name}/draft.prompt", BODY.format(text=text))

    def publish(self, name: str, *texts: str, by: str = "ann") -> Publication:
        """A version for each text; the last."""
        for text in texts:
            self.draft(name, text)
            made = publish(self.root, name, by=by, message=f"says {text}"[:60], clock=self.clock)
        return made

    def meta(self, name: str, text: str) -> None:
        self.write(f"{name}/prompt.yaml", text)

    def read(self, before: Library | None = None, labels: Positions | None = None) -> Library:
        library = read_library(self.root, before)
        return library if labels is None else library.with_labels(labels)

    def problems(self, library: Library) -> list[tuple[str, int, str]]:
        """File below the root, line, reason."""
        return [(one.file.removeprefix(f"{self.root}/"), one.line, one.reason) for one in library.problems]


def said(library: Library, name: str, wanted: str = "", unit: str = "") -> str:
    """What the version that is found says as the system."""
    messages = library.resolve(name, wanted, unit, drafts=True).prompt.render({"message": "hello"})
    part = messages[0].content[0]
    return part.text.strip()  # type: ignore[union-attr]
