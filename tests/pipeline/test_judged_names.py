"""The names that are read to judge a call are the names that may not come in another case."""

from gateway.dialects.openai.body import JUDGED
from gateway.pipeline import attributes, estimate
from gateway.providers.profiles import PROFILES


def test_every_field_that_a_call_is_judged_by_is_known_to_the_reader() -> None:
    read = {
        *estimate.OUTPUT_FIELDS,
        *estimate.CHOICE_FIELDS,
        *estimate.CONFIGS,
        *attributes.LISTED,
        *attributes.SWITCHES,
    }
    read |= {"tools", "functions", *(name for profile in PROFILES.values() for name in profile.steering)}
    assert read <= JUDGED
