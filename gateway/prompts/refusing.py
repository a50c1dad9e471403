"""What is said when a prompt cannot be had."""

from gateway.core.faults import NotFound, OwnFault


class UnknownPrompt(NotFound):
    """There is no prompt of this name or alias for this caller."""

    code = "prompt_not_found"


class UnknownVersion(NotFound):
    """The prompt is there, and has no such version, label or digest."""

    code = "prompt_not_found"


class UnusablePrompt(OwnFault):
    """The version was published, and cannot be served now: its file was changed, or cannot be read. Whoever keeps the
    prompts has to mend that; `gateway check` says where."""

    status = 503
    code = "prompt_unusable"
