"""Prompts as a worker serves them: followed as their files change and their labels move."""

from collections.abc import Sequence

from gateway.access.signing import vouched_files
from gateway.config import Settings
from gateway.core.clock import SystemClock
from gateway.prompts.feed import PromptFeed
from gateway.prompts.fingerprints import Fingerprint, fingerprints
from gateway.prompts.labels.opening import follow_labels
from gateway.prompts.vouching import Vouch
from gateway.reporting import Reports
from gateway.stores.files import read_or_create_secret

CLOCK = SystemClock()


def prompt_feed(settings: Settings, reports: Reports, *, tells: bool = True) -> PromptFeed:
    """The feed, to be entered; while a file is broken, workers that start anew begin with what the last ones had.
    `tells`: see PromptFeed."""
    labels = follow_labels(settings.labels, CLOCK)
    vouch = vouching(settings.signers)
    last_good = settings.last_good_prompts
    return PromptFeed(
        settings.prompts_dir, labels, reports.prompts_reloaded, last_good=last_good, vouch=vouch, tells=tells
    )


def vouching(signers: Sequence[bytes]) -> Vouch | None:
    """Who vouches for prompts, where somebody must. `signers`: PEM files of `policy_signing`."""
    return (lambda bundle: vouched_files(bundle, signers)[1]) if signers else None


def prompt_fingerprints(settings: Settings) -> Fingerprint:
    return fingerprints(read_or_create_secret(settings.state_dir / "prompt-variables.key", "gwv-"))
