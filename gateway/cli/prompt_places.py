"""Which prompts a verb is about, where their labels stand, and how a version is named on the command line."""

import argparse
import re
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from gateway.cli.arguments import add_json
from gateway.cli.policy_folders import add_folders, folder_of, settings_of
from gateway.config import Settings
from gateway.core.clock import SystemClock
from gateway.core.faults import Fault
from gateway.identity.keystore import KeyStore
from gateway.prompting import vouching
from gateway.prompts.labels.opening import open_labels
from gateway.prompts.labels.store import LabelStore
from gateway.prompts.library import Library
from gateway.prompts.loading import read_library
from gateway.prompts.positions import Position, position_of
from gateway.stores.documents import DocumentError
from gateway.stores.reading import StoreUnavailable

CLOCK = SystemClock()
Act = Callable[[argparse.Namespace, "Place"], int]
_WEIGHT = re.compile(r"v?([1-9]\d{0,8}):([1-9]\d{0,6})")
_VERSION = re.compile(r"v?([1-9]\d{0,8})")


class Place:
    """Attributes:
    root: the folder of prompts. settings: None where a folder of policies is looked at by itself.
    """

    def __init__(self, root: Path, settings: Settings | None) -> None:
        self.root = root
        self.settings = settings
        self.vouch = None if settings is None else vouching(settings.signers)

    def library(self, *, vouched: bool = False) -> Library:
        """The prompts as they are, with where their labels stand. `vouched`: as a gateway takes them, where config.yaml
        wants policies signed."""
        library = read_library(self.root, vouch=self.vouch if vouched else None)
        if self.settings is None:
            return library
        labels = self.settings.labels
        if labels.options.url is None and not labels.file.exists():
            return library  # no label was ever moved
        with open_labels(labels, CLOCK) as store:
            return library.with_labels(store.positions())

    @contextmanager
    def store(self) -> Generator[LabelStore]:
        """Where moves of labels are kept.

        Raises:
            ValueError: a folder is looked at by itself, and has none.
        """
        if self.settings is None:
            raise ValueError("labels are kept in the state folder of a gateway: say which by --config")
        with open_labels(self.settings.labels, CLOCK) as store:
            yield store

    def note(self, actor: str, action: str, object: str, details: Mapping[str, object]) -> None:
        """A line in the gateway's audit log, where there is a gateway."""
        if self.settings is not None:
            with KeyStore(self.settings.state_dir / "identity.db", CLOCK) as store:
                store.note(actor, action, object, details)


def add_place(parser: argparse.ArgumentParser, act: Act) -> None:
    """The options that all verbs of prompts have, and what they do."""
    add_folders(parser)
    add_json(parser)
    parser.set_defaults(run=_run, act=act)


def _run(options: argparse.Namespace) -> int:
    settings = settings_of(options)
    place = Place(folder_of(options, settings) / "prompts", settings)
    try:
        return options.act(options, place)
    except DocumentError:
        raise
    except Fault as fault:
        print(f"error: {fault.message}", file=sys.stderr)
    except (StoreUnavailable, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
    except OSError as error:
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
    return 1


def named(text: str) -> tuple[str, str]:
    """`NAME` or `NAME@X` as (name, version or label)."""
    name, _, wanted = text.partition("@")
    return name, wanted


def place_named(text: str) -> Position | None:
    """`3`, `2:90,3:10`, or `none`, for argparse."""
    if text == "none":
        return None
    if found := _VERSION.fullmatch(text):
        return position_of(int(found[1]))
    parts = [_WEIGHT.fullmatch(one) for one in text.split(",")]
    weights = {int(one[1]): int(one[2]) for one in parts if one is not None}
    if len(weights) != len(parts):
        reason = f"{text!r} is neither a version such as 3, nor weights such as 2:90,3:10, nor none"
        raise argparse.ArgumentTypeError(reason)
    try:
        return position_of(weights)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def shown(position: Position | None) -> str:
    return "nowhere" if position is None else str(position)
