"""The Service that speaks to one upstream: in the caller's dialect where the upstream has it, translated where not."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from http import HTTPStatus
from typing import Literal, cast
from urllib.parse import quote

import msgspec

from gateway.core.attempt import Terms
from gateway.core.call import Call, Reply
from gateway.core.cohort import others_first
from gateway.core.faults import BadRequest, UpstreamRefused
from gateway.core.globs import compile_globs
from gateway.dialects.fitting import Abilities
from gateway.dialects.gemini.naming import renamed_inside
from gateway.dialects.statements import tier_word
from gateway.providers.answering import Reading, read_reply
from gateway.providers.converting import CONVERSIONS, Asked, Conversion, converted, converted_reply, estimated_count
from gateway.providers.families import Family, family_of
from gateway.providers.heads import JSON, MAX_REMEMBERED, Endpoint, Heads
from gateway.providers.options import ProviderOptions
from gateway.providers.pacing.pacer import Pacer
from gateway.providers.profiles import OPENAI_PATHS, Path, Profile
from gateway.providers.prompt_caching import LEAST_BYTES, marked
from gateway.providers.refusing import tell_model
from gateway.providers.shaping import passed_body, recalled_input, refuse_empty, refuse_steering, translated_body
from gateway.providers.translating import translate, translated_reply
from gateway.transport.client import Exchange, HttpClient
from gateway.transport.signing.authorizer import Authorizer

# Of a path that all models have.
EVERY = ("*",)


class Provider:
    """One upstream. Calls come in with `call.target` set."""

    def __init__(
        self,
        name: str,
        profile: Profile,
        options: ProviderOptions,
        endpoint: Endpoint,
        client: HttpClient,
        now: Callable[[], float],
        pacer: Pacer | None = None,
        authorizer: Authorizer | None = None,
    ) -> None:
        self.name = name
        self.profile = profile
        self._options = options
        self._client = client
        self._now = now
        self.pacer = pacer
        self._authorizer = authorizer
        self._heads = Heads(profile, options, endpoint, now, signed=authorizer is not None)
        self._reading = Reading(name)
        self._read = partial(read_reply, self._reading, now)
        # Of an answer that comes whole nothing is to be read in another way.
        self._reads_plainly = profile.dialect == "openai" and not profile.opaque_model
        self._protocols = _protocols(profile, options)
        self._families: dict[str, Family] = {}
        # Where it may run anywhere, it costs what the list says.
        self._region = "" if options.location == "global" else options.region or options.location

    @property
    def forwarded(self) -> tuple[bytes, ...]:
        """The request headers that go upstream."""
        return self._heads.forwarded

    def __call__(self, call: Call) -> Awaitable[Reply]:
        """Send the call and read the answer.

        Raises:
            BadRequest: the upstream has no such operation, or cannot be told what the request says.
            UpstreamFault: no answer in its dialect came back.
            UpstreamBusy: too many calls already wait for this upstream.
        """
        operation, profile = call.operation, self.profile
        if protocol := operation.protocol:
            path = self._protocols.get(protocol)
            if path is not None and (path.models == EVERY or compile_globs(path.models)(_model(call))):
                return self._pass(call, path)
            if self._protocols:
                return self._translate(call)
        elif operation.dialect == profile.dialect:
            without = ("model", "stream") if operation.model_in_path else ()
            path = profile.others.get(operation.name) or Path(path=operation.path, without=without)
            return self._pass(call, path)
        elif operation.name in profile.lacks:
            raise _not_offered(call)
        elif (conversion := CONVERSIONS.get((operation.name, operation.dialect, profile.dialect))) is not None:
            return self._convert(call, conversion)
        elif operation.name == "count_tokens":
            return estimated_count(call)
        raise _not_offered(call)

    def _pass(self, call: Call, path: Path) -> Awaitable[Reply]:
        """In the dialect of both: what the gateway does not need to change stays as it came."""
        assert call.target is not None, "the router chooses a target first"
        model, profile, fields = call.target.model, self.profile, call.fields
        if profile.steering:
            refuse_steering(call, profile)
        if profile.not_empty:
            refuse_empty(call, profile)
        changes: dict[str, object] = {"model": model} if model != call.model and not self._heads.by_deployment else {}
        read = self._read
        if call.stream or not self._reads_plainly:
            changes, reading = self._changes(call, model, changes, framed=path.framed and call.stream)
            read = partial(read_reply, reading, self._now)
        call.served.native = True
        without: tuple[str, ...] = ()
        if call.recalled is not None and not (call.recalled.native and call.recalled.provider == self.name):
            changes, without = {**changes, **recalled_input(call, own=True)}, ("previous_response_id",)
        if (kept := self._kept_for(call)) is not None:
            changes = {**changes, **marked(call.operation.protocol, fields.decoded(), kept)}
        body, kind = passed_body(call, path, changes, without), fields.content_type.decode("latin-1")
        return self._ask(call, path, model, kind, body, read)

    def _translate(self, call: Call) -> Awaitable[Reply]:
        model = _model(call)
        protocol, path = next(iter(self._protocols.items()))
        translation = translate(call, protocol, model, self._family(model), recalled_input(call))
        told = translation.body
        if (kept := self._kept_for(call)) is not None:
            told = {**told, **marked(protocol, told, kept)}
        alias = call.model if self.profile.opaque_model else ""
        read = partial(translated_reply, translation, self._now, alias)
        return self._ask(call, path, model, JSON, translated_body(told, path), read)

    def _convert(self, call: Call, conversion: Conversion) -> Awaitable[Reply]:
        model = _model(call)
        path, body = converted(call, conversion, model, Asked(self.profile, self._family(model)))
        read = partial(converted_reply, conversion, next(iter(self._protocols)))
        return self._ask(call, path, model, JSON, body, read)

    def _kept_for(self, call: Call) -> Literal["5m", "1h"] | None:
        """How long the upstream is told to keep what the prompt begins with; None: it is not told."""
        return self._options.prompt_cache if call.record.bytes_in >= LEAST_BYTES else None

    async def _ask(
        self,
        call: Call,
        path: Path,
        model: str,
        content_type: str,
        body: bytes,
        read: Callable[[Call, Exchange], Awaitable[Reply]],
    ) -> Reply:
        """The request sent when its turn has come, and its answer read. One coroutine for both: what a call waits in is
        cold when it goes on.

        Raises:
            UpstreamBusy: too many wait already, or the turn would not come in time. UpstreamFault: nothing usable came.
        """
        pacer, left = self.pacer, None
        if pacer is not None:
            left = pacer.leave(call, model) or await pacer.enter(call, model)
        try:
            url, opening, headers = self._heads.of(call, path, model, content_type)
            if self._authorizer is not None:
                headers.update(await self._authorizer.headers("POST", url, headers, body))
            served = call.served
            served.asked = True
            exchange = await self._client.send(url, headers, body, self._options.timeouts, opening=opening)
        except BaseException:
            if pacer is not None and left is not None:
                pacer.end(left)
            raise
        call.on_close(exchange.close)
        served.reports_cost = self.profile.reports_cost
        if call.operation.protocol:
            served.searches = (self._families.get(model) or self._family(model)).searches
        if self._region or self.profile.tier_header:
            tier = next((value for name, value in exchange.headers if name == self.profile.tier_header), "")
            served.terms = Terms(tier=tier_word(tier), region=self._region)
        if pacer is not None and left is not None:
            pacer.answered(call, left, exchange)
        try:
            if call.in_cohort:
                await others_first()
            return await read(call, exchange)
        except UpstreamRefused as refusal:
            exchange.close()
            tell_model(refusal, call)
            raise
        except BaseException:
            exchange.close()
            raise

    async def forget(self, response_id: str) -> None:
        """Delete a response that the upstream keeps.

        Raises:
            UpstreamFault: it does not answer. That it does not know the response is fine.
        """
        exchange = await self._bare("DELETE", f"responses/{quote(response_id, safe='')}")
        try:
            await exchange.read()
        finally:
            exchange.close()

    async def probe(self) -> bool:
        """Whether it answers at all, asked for its list of models: whatever it says of that, unless it is broken.

        Raises:
            UpstreamFault: it does not answer.
        """
        exchange = await self._bare("GET", "models")
        exchange.close()
        return exchange.status < HTTPStatus.INTERNAL_SERVER_ERROR

    async def _bare(self, method: str, place: str) -> Exchange:
        """A request that is no call's."""
        url, _, headers = self._heads.bare(place)
        if self._authorizer is not None:
            headers.update(await self._authorizer.headers(method, url, headers, b""))
        return await self._client.send(url, headers, b"", self._options.timeouts, method)

    def _family(self, model: str) -> Family:
        family = self._families.get(model)
        if family is None:
            family = family_of(self.profile.families, model)
            drops = frozenset(self._options.drop_params)
            if drops:
                family = msgspec.structs.replace(family, dropped=family.dropped | drops, refused=family.refused - drops)
            if len(self._families) < MAX_REMEMBERED:
                self._families[model] = family
        return family

    def abilities(self, model: str, of_protocol: Abilities) -> Abilities:
        """What this provider's model can express of a protocol."""
        return self._family(model).abilities(of_protocol)

    def output_field(self, model: str) -> str:
        """Where a chat completions request to this model says how much it may produce."""
        return self._family(model).quirks.max_output_field

    def _changes(
        self, call: Call, model: str, changes: dict[str, object], *, framed: bool = False
    ) -> tuple[dict[str, object], Reading]:
        """What else must differ from the client's body, and how the answer is to be read then."""
        if call.operation.model_in_path and not call.operation.protocol:
            changes.update(renamed_inside(call.fields, model))
        if self.profile.dialect != "openai":
            errors = next(iter(self._protocols)) if self.profile.dialect != call.operation.dialect else ""
            return changes, Reading(self.name, protocol=call.operation.protocol, errors=errors, framed=framed)
        alias = call.model if self.profile.opaque_model else ""
        strip = False
        if call.stream and call.operation.ends_with_done and self.profile.stream_usage == "ask":
            asked = call.fields.get("stream_options")
            if asked is not None and not isinstance(asked, dict):
                raise BadRequest("`stream_options` must be an object", param="stream_options")
            options = cast(dict[str, object], asked or {})
            if options.get("include_usage") is not True:
                changes["stream_options"] = {**options, "include_usage": True}
                strip = True
        return changes, Reading(self.name, alias, strip) if alias or strip else self._reading


def _not_offered(call: Call) -> BadRequest:
    return BadRequest(
        f"`{call.model}` is served by an upstream that has no `{call.operation.name}`",
        code="operation_not_offered",
        param="model",
    )


def _model(call: Call) -> str:
    assert call.target is not None, "the router chooses a target first"
    return call.target.model


def _protocols(profile: Profile, options: ProviderOptions) -> Mapping[str, Path]:
    """The row's, or those that config.yaml names: for OpenAI's dialect their paths are the usual ones."""
    if not options.protocols:
        return profile.protocols
    return {name: profile.protocols.get(name) or OPENAI_PATHS[name] for name in options.protocols}
