"""A process for one run of one assertion's code: `run_python(Limits())` is what `Outside.python` takes.

The process gets the code, the output and the context as JSON on its standard input, and writes what the code returned
as JSON on its standard output; what the code itself prints goes elsewhere. It limits itself before it runs anything: a
function between fork and exec would deadlock where there are threads.
"""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.compare.grading.grades import Ungradable
from gateway.compare.grading.judging.judges import Code, RunPython
from gateway.compare.grading.values import clipped

MAX_RESULT = 1_000_000
_RUNNER = """
import json, math, os, re, resource, sys
task = json.load(sys.stdin)
out, sys.stdout = os.fdopen(os.dup(1), "w"), sys.stderr
os.dup2(2, 1)
for what, most in (("RLIMIT_CPU", task["cpu_s"]), ("RLIMIT_AS", task["memory_bytes"]),
                   ("RLIMIT_FSIZE", task["file_bytes"]), ("RLIMIT_CORE", 0)):
    if hasattr(resource, what):
        resource.setrlimit(getattr(resource, what), (most, most))
def lines(text):
    return "".join(" " + line + "\\n" for line in text.splitlines())
names = {"__name__": "assertion", "json": json, "math": math, "re": re}
source, function = task["source"], task["function"]
if not function:
    body = source if "\\n" in source else "return (" + source + "\\n)"
    source, function = "def main(output, context):\\n" + lines(body), "main"
try:
    exec(compile(source, "assertion", "exec"), names)
    returned = names[function](task["output"], task["context"])
    if hasattr(returned, "__dataclass_fields__"):
        import dataclasses
        returned = dataclasses.asdict(returned)
    result = {"returned": returned}
    text = json.dumps(result)
except KeyError as error:
    known = function in names
    text = json.dumps({"error": "KeyError: %s" % error if known else "there is no function `%s`" % function})
except BaseException as error:
    text = json.dumps({"error": "%s: %s" % (type(error).__name__, error)})
out.write(text)
out.flush()
os._exit(0)
"""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Of one run. `timeout_s`: by the clock, and of computing; `memory_bytes`: of addresses, libraries included;
    `file_bytes`: of any file that it writes. `parallel`: how many runs at once."""

    timeout_s: float = 10.0
    memory_bytes: int = 2 * 1024**3
    file_bytes: int = 16 * 1024**2
    parallel: int = 2


def run_python(limits: Limits | None = None) -> RunPython:
    """What runs an assertion's code. It raises Ungradable for code that fails, or does not end in time."""
    bounds = limits or Limits()
    places = asyncio.Semaphore(bounds.parallel)

    async def run(code: Code, output: str, context: Mapping[str, Any]) -> Any:
        task = {"source": code.source, "function": code.function, "output": output, "context": context}
        limited = {"cpu_s": round(bounds.timeout_s) + 1} | {
            name: getattr(bounds, name) for name in ("memory_bytes", "file_bytes")
        }
        try:
            sent = msgspec.json.encode({**task, **limited})
        except UnicodeEncodeError:  # half a character
            raise Ungradable("the answer is no text that can be sent") from None
        async with places:
            return _returned(await _run(sent, bounds.timeout_s))

    return run


async def _run(task: bytes, timeout_s: float) -> bytes:
    with tempfile.TemporaryDirectory(prefix="assertion-") as folder:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",  # no PYTHON… variables, no user's packages, and not the folder it stands in
            "-c",
            _RUNNER,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=folder,
            env={},
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(timeout_s):
                return await _talk(process, task)
        except TimeoutError:
            raise Ungradable(f"python did not end within {timeout_s:g} seconds") from None
        finally:
            _end(process)
            await process.wait()


async def _talk(process: asyncio.subprocess.Process, task: bytes) -> bytes:
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(task)
        await process.stdin.drain()
        process.stdin.close()
    except (BrokenPipeError, ConnectionResetError):
        pass  # it died before it read everything; what it wrote tells why, or nothing does
    found = bytearray()
    while chunk := await process.stdout.read(65_536):
        found += chunk
        if len(found) > MAX_RESULT:
            raise Ungradable(f"python returned more than {MAX_RESULT} bytes")
    return bytes(found)


def _end(process: asyncio.subprocess.Process) -> None:
    """The process, and whatever it has started in its session."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _returned(data: bytes) -> Any:
    try:
        said = msgspec.json.decode(data)
    except msgspec.DecodeError:
        raise Ungradable("python ended without a result; was it out of memory or of time?") from None
    if "error" in said:
        raise Ungradable(f"python failed: {clipped(str(said['error']), 500)}")
    return said["returned"]
