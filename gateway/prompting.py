"""Prompts as a worker serves them: followed as their files change and their labels move."""

from gateway.config import Settings
from gateway.core.clock import SystemClock
from gateway.prompts.feed import PromptFeed
from gateway.prompts.fingerprints import Fingerprint, fingerprints
from gateway.prompts.labels.opening import follow_labels
from gateway.reporting import Reports
from gateway.stores.files import read_or_create_secret

CLOCK = SystemClock()


def prompt_feed(settings: Settings, reports: Reports) -> PromptFeed:
    """The feed, to be entered; while a file is broken, workers that start anew begin with what the last ones had."""
    labels = follow_labels(settings.labels, CLOCK)
    return PromptFeed(settings.prompts_dir, labels, reports.prompts_reloaded, last_good=settings.last_good_prompts)


def prompt_fingerprints(settings: Settings) -> Fingerprint:
    return fingerprints(read_or_create_secret(settings.state_dir / "prompt-variables.key", "gwv-"))
