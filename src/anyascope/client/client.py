"""The client: one method a question, our nouns in the answers, our errors with what to do."""

from __future__ import annotations

import http
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote, urlsplit

import cramjam
import httpx
import msgspec

from anyascope.client.prometheus import QueryAnswer, read_answer
from anyascope.errors import (
    AnyascopeError,
    ConflictError,
    DeniedError,
    InvalidInputError,
    LimitExceededError,
    NotFoundError,
    TooLargeError,
    UnavailableError,
    UnsupportedError,
)
from anyascope.model.secret import Secret
from anyascope.wire.compression import decompress
from anyascope.wire.hosts import is_loopback
from anyascope.wire.own_api import (
    AlertsView,
    CardinalityView,
    ChannelsView,
    FieldsView,
    HealthView,
    HistogramView,
    LogRowView,
    LogSearchView,
    NotificationsView,
    NotificationView,
    ReplayRequest,
    RoutingTest,
    RoutingTestView,
    RoutingView,
    StatusView,
    TrialsView,
    ValuesView,
)
from anyascope.wire.own_bitcoin import BitcoinNodesView
from anyascope.wire.own_correlation import CorrelationView
from anyascope.wire.own_custody import AcceptSpend, SpendsView, SpendView
from anyascope.wire.own_hsms import HsmsView, HsmView
from anyascope.wire.own_packs import PacksView
from anyascope.wire.own_responses import AlertStoryView, ByBody, EscalationPoliciesView, ResponseView
from anyascope.wire.own_silences import (
    MatcherView,
    SilenceEndRequest,
    SilenceLengthRequest,
    SilencePreviewRequest,
    SilencePreviewView,
    SilenceRequest,
    SilencesView,
    SilenceView,
)
from anyascope.wire.own_traces import ServicesView, TraceSearchView, TraceView
from anyascope.wire.own_transactions import OwnTransactionsView
from anyascope.wire.own_wallets import BitcoinWalletsView
from anyascope.wire.prompb.read import ReadQuery, ReadSeries, decode_read_answer, encode_read_request
from anyascope.wire.shapes import shape_of

T = TypeVar("T")

READ_BYTES_MAX = (
    512 * 1024 * 1024
)  # of one answer of remote read: more than the 10,000,000 samples that the server gives

DEFAULT_SERVER: Final = "http://127.0.0.1:9470"
OWN_PATH: Final = "/api/anyascope/v1"
TIMEOUT_S = 130.0  # a query may take the server 2 minutes
DELETE_TIMEOUT_S = 3_600.0  # a deletion rewrites what lies around it, and answers when that is done
ADMIN_DISABLED = "admin APIs disabled"  # Prometheus' words
CONNECT_TIMEOUT_S = 5.0
AS_STORED = {"external_labels": "false"}  # labels as rules see them, without what is put on them for others
STREAM_SILENCE_S = 40.0  # the server says something every 15 s
RETRY_AFTER_S = 5.0  # where nothing answers
BODY_SHOWN_CHARS = 200  # of an answer that is not ours, in a message

_BY_CODE: Final[Mapping[str, type[AnyascopeError]]] = {
    kind.code: kind
    for kind in (
        InvalidInputError,
        TooLargeError,
        NotFoundError,
        ConflictError,
        DeniedError,
        UnsupportedError,
        LimitExceededError,
    )
}


@dataclass(frozen=True, slots=True)
class Dropped:
    """So many records were left out of the tail, because this reader was too slow."""

    rows: int


class _Series(msgspec.Struct):
    data: list[dict[str, str]]


class _MetricType(msgspec.Struct):
    type: str = ""


class _Metadata(msgspec.Struct):
    data: dict[str, list[_MetricType]]


class Client:
    """Asks one server. Every method raises our errors, which say what to do.

    Args:
        server: its address, such as `http://127.0.0.1:9470`; a path is kept, for a server behind a prefix.
        token: where the server asks for one.
        transport: in place of the network, for tests.
    """

    def __init__(
        self, server: str = DEFAULT_SERVER, *, token: Secret | None = None, transport: httpx.BaseTransport | None = None
    ) -> None:
        self.server = _checked(server)
        headers = {"accept": "application/json", "user-agent": "anyascope-client"}
        if token:
            headers["authorization"] = f"Bearer {_checked_token(token)}"
        self._http = httpx.Client(
            base_url=self.server,
            headers=headers,
            timeout=httpx.Timeout(TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            transport=transport,
            # A proxy of the environment cannot reach this machine's own loopback.
            trust_env=not is_loopback(_host(self.server)),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections up."""
        self._http.close()

    # --- the server itself --------------------------------------------------------------------------------------------

    def status(self) -> StatusView:
        """What is running."""
        return self._own("/status", {}, StatusView)

    def health(self) -> HealthView:
        """Health of every component."""
        return self._own("/health", {}, HealthView)

    def cardinality(self, *, limit: int = 10, label: str = "job") -> CardinalityView:
        """Who makes the series; also by value of a label."""
        return self._own("/cardinality", {"limit": limit, "label": label}, CardinalityView)

    def delete_series(self, *selectors: str, start_s: float | None = None, end_s: float | None = None) -> None:
        """Delete what these series have in a stretch (Unix seconds, inclusive), all of it where none is given.

        Raises:
            DeniedError: the server does not allow it to anybody.
        """
        asked = {"match[]": list(selectors)} | _stretch(start_s, end_s)
        path = "/api/v1/admin/tsdb/delete_series"
        try:
            self._answer(self._http.build_request("POST", path, data=asked, timeout=DELETE_TIMEOUT_S))
        except UnsupportedError as error:
            if str(error) != ADMIN_DISABLED:
                raise
            raise DeniedError(f"{self.server} lets nobody delete: start it with --enable-admin-api") from error

    def reload(self) -> None:
        """Let the server read its configuration again; raises what is wrong with it, and the old one stays."""
        self._answer(self._http.build_request("POST", "/-/reload"))

    # --- logs ---------------------------------------------------------------------------------------------------------

    def search_logs(
        self,
        query: str = "",
        *,
        start: str = "",
        end: str = "",
        limit: int = 100,
        cursor: str = "",
        order: str = "newest",
    ) -> LogSearchView:
        """A page of records; times as the API takes them, such as `-1h`."""
        asked = {"query": query, "start": start, "end": end, "limit": limit, "cursor": cursor, "order": order}
        return self._own("/logs/search", asked, LogSearchView)

    def count_logs(self, query: str = "", *, start: str = "", end: str = "", buckets: int = 60) -> HistogramView:
        """How many records there were when."""
        asked = {"query": query, "start": start, "end": end, "buckets": buckets}
        return self._own("/logs/histogram", asked, HistogramView)

    def log_fields(self, query: str = "", *, start: str = "", end: str = "") -> FieldsView:
        """Which fields the records have."""
        return self._own("/logs/fields", {"query": query, "start": start, "end": end}, FieldsView)

    def log_values(self, field: str, *, query: str = "", start: str = "", end: str = "", limit: int = 10) -> ValuesView:
        """The commonest values of a field."""
        asked = {"field": field, "query": query, "start": start, "end": end, "limit": limit}
        return self._own("/logs/values", asked, ValuesView)

    def tail_logs(self, query: str = "") -> Iterator[LogRowView | Dropped]:
        """Records as they are stored, until the server ends the stream or the connection breaks (`UnavailableError`)."""
        for name, data in self._events(f"{OWN_PATH}/logs/tail", {"query": query}):
            if name == "row":
                yield self._decode(data, LogRowView)
            elif name == "dropped":
                yield self._decode(data, Dropped)

    # --- traces -------------------------------------------------------------------------------------------------------

    def services(self) -> ServicesView:
        """Services and what they do."""
        return self._own("/traces/services", {}, ServicesView)

    def search_traces(
        self,
        *,
        service: str = "",
        operation: str = "",
        tags: Sequence[str] = (),
        min_duration: str = "",
        max_duration: str = "",
        errors_only: bool = False,
        start: str = "",
        end: str = "",
        limit: int = 20,
    ) -> TraceSearchView:
        """Traces in which one span meets all conditions, newest first. A tag is `key=value`."""
        asked = {
            "service": service,
            "operation": operation,
            "tags": list(tags),
            "min_duration": min_duration,
            "max_duration": max_duration,
            "status": "error" if errors_only else "",
            "start": start,
            "end": end,
            "limit": limit,
        }
        return self._own("/traces/search", asked, TraceSearchView)

    def trace(self, trace_id: str) -> TraceView:
        """A whole trace."""
        return self._own(f"/traces/{quote(trace_id, safe='')}", {}, TraceView)

    def correlation(self, identity: str) -> CorrelationView:
        """One operation across signals, by its correlation id or its transaction's id.

        Raises:
            NotFoundError: nothing carries it.
        """
        return self._own(f"/correlations/{quote(identity, safe='')}", {}, CorrelationView)

    # --- alerts -------------------------------------------------------------------------------------------------------

    def alerts(self, *, state: str = "") -> AlertsView:
        """Alerts, the most severe first."""
        return self._own("/alerts", {"state": state}, AlertsView)

    def alert(self, alert_id: str) -> AlertStoryView:
        """One alert, and all that happened to it."""
        return self._own(f"/alerts/{quote(alert_id, safe='')}", {}, AlertStoryView)

    def respond(self, alert_id: str, action: str, body: ByBody) -> ResponseView:
        """Acknowledge an alert, or whatever the action is."""
        return self._own_post(f"/alerts/{quote(alert_id, safe='')}/{action}", body, ResponseView)

    def escalation_policies(self) -> EscalationPoliciesView:
        """The policies that act."""
        return self._own("/escalation-policies", {}, EscalationPoliciesView)

    def notifications(
        self, *, limit: int = 100, cursor: str = "", receiver: str = "", status: str = ""
    ) -> NotificationsView:
        """What was said to whom, newest first."""
        asked = {"limit": limit, "cursor": cursor, "receiver": receiver, "status": status}
        return self._own("/notifications", asked, NotificationsView)

    def routing(self) -> RoutingView:
        """The tree of routes in force, and the receivers."""
        return self._own("/routing", {}, RoutingView)

    def test_routing(self, labels: Mapping[str, str]) -> RoutingTestView:
        """Where an alert with these labels would go."""
        return self._own_post("/routing/test", RoutingTest(labels=dict(labels)), RoutingTestView)

    # --- metrics ------------------------------------------------------------------------------------------------------

    def channels(self) -> ChannelsView:
        """How each receiver's channels are."""
        return self._own("/channels", {}, ChannelsView)

    def packs(self) -> PacksView:
        """The packs that ship with the server."""
        return self._own("/packs", {}, PacksView)

    def test_receiver(self, name: str) -> TrialsView:
        """Send a test message through each channel of a receiver."""
        return self._own_post(f"/receivers/{quote(name, safe='')}/test", None, TrialsView)

    def hsms(self) -> HsmsView:
        """How each watched HSM is."""
        return self._own("/hsms", {}, HsmsView)

    def bitcoin_nodes(self) -> BitcoinNodesView:
        """Each watched Bitcoin node as the last look found it."""
        return self._own("/bitcoin/nodes", {}, BitcoinNodesView)

    def bitcoin_wallets(self) -> BitcoinWalletsView:
        """Each watched wallet as the last look found it."""
        return self._own("/bitcoin/wallets", {}, BitcoinWalletsView)

    def bitcoin_transactions(self) -> OwnTransactionsView:
        """Own transactions that wait for a block, or lost theirs."""
        return self._own("/bitcoin/transactions", {}, OwnTransactionsView)

    def spends(self, *, limit: int = 100, cursor: str = "", state: str = "") -> SpendsView:
        """Spends of watched wallets, newest first."""
        return self._own("/custody/spends", {"limit": limit, "cursor": cursor, "state": state}, SpendsView)

    def accept_spend(self, chain: str, txid: str, *, by: str, note: str) -> SpendView:
        """Say that an unmatched spend is in order."""
        path = f"/custody/spends/{quote(chain, safe='')}/{quote(txid, safe='')}/accept"
        return self._own_post(path, AcceptSpend(by=by, note=note), SpendView)

    def accept_hsm(self, name: str, *, by: str) -> HsmView:
        """Take what an HSM's token is now for what it should be."""
        return self._own_post(f"/hsms/{quote(name, safe='')}/accept", ByBody(by=by), HsmView)

    def replay(self, identity: str, *, by: str) -> NotificationView:
        """Send a notification again that has failed."""
        return self._own_post(
            f"/notifications/{quote(identity, safe='')}/replay", ReplayRequest(by=by), NotificationView
        )

    def query(self, expression: str, *, time_s: float | None = None) -> QueryAnswer:
        """An expression's value at one time, now where none is given."""
        asked = {"query": expression} | ({} if time_s is None else {"time": repr(time_s)})
        return self._prometheus("/api/v1/query", asked)

    def query_range(self, expression: str, *, start_s: float, end_s: float, step_s: float) -> QueryAnswer:
        """An expression's values from start to end (Unix seconds, both inclusive)."""
        asked = {"query": expression, "start": repr(start_s), "end": repr(end_s), "step": repr(step_s)}
        return self._prometheus("/api/v1/query_range", asked)

    def series(
        self, *selectors: str, start_s: float | None = None, end_s: float | None = None, limit: int = 0
    ) -> list[dict[str, str]]:
        """The labels of the series that match any selector and had samples between two times; `limit` 0 is no limit."""
        asked = {"match[]": list(selectors), "limit": str(limit)} | _stretch(start_s, end_s)
        answer = self._answer(self._http.build_request("POST", "/api/v1/series", data=asked))
        return self._decode(answer.content, _Series).data

    def read_samples(self, query: ReadQuery) -> list[ReadSeries]:
        """The stored samples of the series that match, staleness markers included, by remote read."""
        body = bytes(cramjam.snappy.compress_raw(encode_read_request(query)))
        headers = {"content-type": "application/x-protobuf", "content-encoding": "snappy"}
        request = self._http.build_request("POST", "/api/v1/read", params=AS_STORED, content=body, headers=headers)
        answer = self._answer(request)
        return decode_read_answer(decompress(answer.content, "snappy", output_bytes_max=READ_BYTES_MAX))

    def metric_types(self) -> dict[str, str]:
        """What each metric is (`counter`, `gauge`, …), as far as it was told; of several the first."""
        answer = self._answer(self._http.build_request("GET", "/api/v1/metadata"))
        told = self._decode(answer.content, _Metadata).data
        return {metric: kinds[0].type for metric, kinds in told.items() if kinds}

    # --- silences -----------------------------------------------------------------------------------------------------

    def silences(self, *, state: str = "", limit: int = 100, cursor: str = "") -> SilencesView:
        """Silences with what they match now: active ones, pending ones, expired ones."""
        return self._own("/silences", {"state": state, "limit": limit, "cursor": cursor}, SilencesView)

    def silence(self, silence_id: str) -> SilenceView:
        """One silence with its history."""
        return self._own(f"/silences/{quote(silence_id, safe='')}", {}, SilenceView)

    def add_silence(self, asked: SilenceRequest) -> SilenceView:
        """Make a silence."""
        return self._own_post("/silences", asked, SilenceView)

    def preview_silence(self, matchers: Sequence[MatcherView]) -> SilencePreviewView:
        """What these matchers hit now, and what they would hit."""
        return self._own_post("/silences/preview", SilencePreviewRequest(matchers=list(matchers)), SilencePreviewView)

    def extend_silence(self, silence_id: str, *, by: str, for_s: float) -> SilenceView:
        """Let a silence last so many seconds longer."""
        asked = SilenceLengthRequest(by=by, for_s=for_s)
        return self._own_post(f"/silences/{quote(silence_id, safe='')}/extend", asked, SilenceView)

    def clone_silence(self, silence_id: str, *, by: str, for_s: float) -> SilenceView:
        """Make a silence like that one, from now on for so many seconds."""
        asked = SilenceLengthRequest(by=by, for_s=for_s)
        return self._own_post(f"/silences/{quote(silence_id, safe='')}/clone", asked, SilenceView)

    def expire_silence(self, silence_id: str, *, by: str) -> SilenceView:
        """End a silence now."""
        asked = SilenceEndRequest(by=by)
        return self._own_post(f"/silences/{quote(silence_id, safe='')}/expire", asked, SilenceView)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _own(self, path: str, asked: Mapping[str, Any], kind: type[T]) -> T:
        given = {name: value for name, value in asked.items() if value not in ("", [], None)}
        answer = self._answer(self._http.build_request("GET", f"{OWN_PATH}{path}", params=given))
        return self._decode(answer.content, kind)

    def _own_post(self, path: str, asked: object, kind: type[T]) -> T:
        headers = {"content-type": "application/json"}
        request = self._http.build_request(
            "POST", f"{OWN_PATH}{path}", content=msgspec.json.encode(asked), headers=headers
        )
        return self._decode(self._answer(request).content, kind)

    def _prometheus(self, path: str, asked: Mapping[str, str]) -> QueryAnswer:
        # POST: an expression may be longer than a URL.
        answer = self._answer(self._http.build_request("POST", path, data=asked))
        return read_answer(self._decode(answer.content, dict[str, Any]))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        try:
            answer = self._http.send(request)
        except httpx.HTTPError as error:
            raise self._explain(error) from error
        if not answer.is_success:
            raise self._refusal(answer)
        return answer

    def _events(self, path: str, asked: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
        timeout = httpx.Timeout(STREAM_SILENCE_S, connect=CONNECT_TIMEOUT_S)
        headers = {"accept": "text/event-stream"}
        try:
            with self._http.stream("GET", path, params=dict(asked), headers=headers, timeout=timeout) as answer:
                if not answer.is_success:
                    answer.read()
                    raise self._refusal(answer)
                yield from read_events(answer.iter_lines())
        except httpx.HTTPError as error:
            raise self._explain(error) from error

    def _decode(self, body: bytes, kind: type[T]) -> T:
        try:
            return shape_of(kind).from_json(body)
        except msgspec.MsgspecError as error:
            raise UnsupportedError(f"{self.server} does not answer like an anyascope server: {error}") from error

    def _explain(self, error: httpx.HTTPError) -> UnavailableError:
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            advice = "start it with `anyascope up`" if is_loopback(_host(self.server)) else "is the address right?"
            if "CERTIFICATE" in str(error).upper():
                advice = f"its certificate is not trusted here ({error}); name its authority in SSL_CERT_FILE"
            return NoServerError(f"no server answers at {self.server}: {advice}", retry_after_s=RETRY_AFTER_S)
        if isinstance(error, httpx.TimeoutException):
            return UnavailableError(f"{self.server} takes too long to answer", retry_after_s=RETRY_AFTER_S)
        return UnavailableError(
            f"the connection to {self.server} broke: {str(error) or type(error).__name__}", retry_after_s=RETRY_AFTER_S
        )

    def _refusal(self, answer: httpx.Response) -> AnyascopeError:
        document = _as_document(answer.content)
        detail = document.get("detail") or document.get("error")
        if not isinstance(detail, str):
            shown = answer.text[:BODY_SHOWN_CHARS].strip()
            phrase = http.HTTPStatus(answer.status_code).phrase if answer.status_code < 600 else ""
            return UnsupportedError(
                f"{self.server} answers {answer.status_code} {phrase} to {answer.request.url.path}: {shown}"
            )
        if answer.status_code == http.HTTPStatus.UNAUTHORIZED:
            return DeniedError(f"{self.server}: {detail}; give --token or set ANYASCOPE_TOKEN")
        if answer.status_code == http.HTTPStatus.SERVICE_UNAVAILABLE:
            retry_after_s = document.get("retry_after_s")
            return UnavailableError(
                detail, retry_after_s=retry_after_s if isinstance(retry_after_s, float | int) else RETRY_AFTER_S
            )
        return _error(detail, document, status=answer.status_code)


class NoServerError(UnavailableError):
    """Nothing answers at the address."""


def read_events(lines: Iterator[str]) -> Iterator[tuple[str, bytes]]:
    """(name, data) of server-sent events; comments and other fields are passed over.

    Source: WHATWG HTML, "Parsing an event stream".
    """
    name = ""
    data: list[str] = []
    for line in lines:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                yield name or "message", "\n".join(data).encode()
            name, data = "", []
        elif field == "event":
            name = value
        elif field == "data":
            data.append(value)


def _stretch(start_s: float | None, end_s: float | None) -> dict[str, Any]:
    """Times of a form, as far as they were given."""
    return {name: repr(value) for name, value in (("start", start_s), ("end", end_s)) if value is not None}


def _error(detail: str, document: Mapping[str, object], *, status: int) -> AnyascopeError:
    path = document.get("path")
    code = document.get("code")
    kind = _BY_CODE.get(code) if isinstance(code, str) else None
    if kind is None:
        kind = InvalidInputError if status in (400, 422) else UnsupportedError
    if issubclass(kind, InvalidInputError):
        return kind(detail, path=path if isinstance(path, str) else "")
    return kind(detail)


def _as_document(body: bytes) -> dict[str, Any]:
    try:
        document = msgspec.json.decode(body)
    except msgspec.MsgspecError:
        return {}
    return document if isinstance(document, dict) else {}


def _checked(server: str) -> str:
    address = server if "://" in server else f"http://{server}"
    try:
        host = urlsplit(address).hostname
        url = httpx.URL(address)
    except (ValueError, httpx.InvalidURL):
        host, url = None, httpx.URL("")
    if url.scheme not in ("http", "https") or not host:
        raise InvalidInputError(f"must be an address such as {DEFAULT_SERVER}, got {server!r}", path="--server")
    return address.rstrip("/")


def _checked_token(token: Secret) -> str:
    text = token.reveal()
    if not (text.isascii() and text.isprintable()):
        raise InvalidInputError("holds characters that no token has", path="--token")
    return text


def _host(server: str) -> str:
    return urlsplit(server).hostname or ""
