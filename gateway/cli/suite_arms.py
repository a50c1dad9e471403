"""Who is asked: arms out of the names of models, routes and prompts."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from gateway.compare.cases import Case
from gateway.compare.running.arms import Render
from gateway.compare.running.rendering import rendered
from gateway.compare.running.trials import Arm, Kind
from gateway.core.faults import Fault
from gateway.prompts.dotprompt import Prompt
from gateway.prompts.library import Library, Resolved

MOST_ARMS = 26


class Arms(msgspec.Struct, frozen=True):
    """`prompts`: of the arms that are prompts, by the arm's name."""

    arms: tuple[Arm, ...]
    prompts: Mapping[str, Prompt] = {}

    @property
    def render(self) -> Render:
        """What puts the text of local prompts together."""

        def render(arm: Arm, case: Case) -> Mapping[str, Any]:
            own = {**arm.parameters, **({"model": arm.model} if arm.model else {})}
            return rendered(self.prompts[arm.name], arm.prompt, case, own)

        return render

    def checked(self, least: int) -> "Arms":
        """Raises:
        ValueError: too few of them, too many, or two of one name.
        """
        names = [arm.name for arm in self.arms]
        if len(names) < least:
            raise ValueError("name what is to be asked, with --models, --prompts or --routes; two or more are compared")
        if len(names) > MOST_ARMS:
            raise ValueError(f"{len(names)} are more than anyone can tell apart; {MOST_ARMS} are the most")
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"`{name}` stands twice among what is compared")
        return self


def named_arms(names: Sequence[str], kind: Kind, parameters: Mapping[str, Any]) -> Arms:
    """Models or routes: what a request may have as its model."""
    return Arms(tuple(Arm(name=name, kind=kind, model=name, parameters=parameters) for name in names))


def prompt_arms(found: Resolved, models: Sequence[str], parameters: Mapping[str, Any], *, local: bool) -> Arms:
    """A version of a prompt, with its own model or with each of several. A draft is always put together here."""
    which = str(found.version) if found.version else "draft"
    arms: dict[str, Arm] = {}
    for model in models or ("",):
        name = f"{found.name}@{which}{f' on {model}' if model else ''}"
        arms[name] = Arm(
            name=name,
            kind="prompt",
            model=model,
            prompt=found.name,
            version=found.version,
            digest=found.digest,
            label=found.label,
            local=local or not found.version,
            parameters=parameters,
        )
    return Arms(tuple(arms.values()), dict.fromkeys(arms, found.prompt))


def resolved(library: Library, text: str) -> Resolved:
    """`NAME` or `NAME@X`.

    Raises:
        ValueError: there is none, with the nearest names.
    """
    name, _, wanted = text.rpartition("@") if "@" in text else (text, "", "")
    try:
        return library.resolve(name, wanted, drafts=True)
    except Fault as fault:
        raise ValueError(fault.message) from None


def together(*several: Arms) -> Arms:
    """All of them, in this order."""
    return Arms(
        tuple(arm for one in several for arm in one.arms),
        {name: prompt for one in several for name, prompt in one.prompts.items()},
    )
