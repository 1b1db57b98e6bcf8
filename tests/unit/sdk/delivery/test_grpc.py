"""One attempt by gRPC, against a real server."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)

from anyascope.sdk.delivery.answer import Verdict
from anyascope.sdk.delivery.grpc import GrpcSender
from anyascope.sdk.delivery.target import Target, Transport
from support.ports import free_port


class Receiver(TraceServiceServicer):
    """Answers as told."""

    def __init__(self):
        self.requests = []
        self.metadata = []
        self.code = None
        self.details = ()
        self.rejected = 0

    def Export(self, request, context):  # noqa: N802  # as the stub calls it
        self.requests.append(request)
        self.metadata.append(dict(context.invocation_metadata()))
        if self.code is not None:
            context.set_trailing_metadata(self.details)
            context.abort(self.code, "as told")
        response = ExportTraceServiceResponse()
        response.partial_success.rejected_spans = self.rejected
        return response


@pytest.fixture
def house():
    """A receiver and a sender that speaks to it."""
    receiver = Receiver()
    server = grpc.server(ThreadPoolExecutor(2))
    add_TraceServiceServicer_to_server(receiver, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sender = GrpcSender(
        Target(f"http://127.0.0.1:{port}", headers={"Authorization": "Bearer t"}, transport=Transport.GRPC),
        signal="traces",
    )
    yield receiver, sender
    sender.close()
    server.stop(None).wait(10)


def body():
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add(name="s")
    return request.SerializeToString()


def test_the_body_arrives_as_a_message(house):
    """Bytes that were encoded earlier are the message, with the headers as metadata."""
    receiver, sender = house
    assert sender.send(body()).verdict is Verdict.TAKEN
    assert receiver.requests[0].SerializeToString() == body()
    assert receiver.metadata[0]["authorization"] == "Bearer t"


def test_counts_what_was_left_out(house):
    """Partial success."""
    receiver, sender = house
    receiver.rejected = 2
    assert sender.send(body()).rejected == 2


@pytest.mark.parametrize(
    ("code", "verdict", "is_odd"),
    [
        (grpc.StatusCode.UNAVAILABLE, Verdict.UNREACHABLE, False),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, Verdict.LATER, False),
        (grpc.StatusCode.DEADLINE_EXCEEDED, Verdict.LATER, False),
        (grpc.StatusCode.INTERNAL, Verdict.LATER, True),
        (grpc.StatusCode.INVALID_ARGUMENT, Verdict.REFUSED, False),
        (grpc.StatusCode.UNAUTHENTICATED, Verdict.REFUSED, False),
        (grpc.StatusCode.UNIMPLEMENTED, Verdict.REFUSED, False),
    ],
)
def test_what_a_code_means(house, code, verdict, is_odd):
    """As OTLP's specification lists them."""
    receiver, sender = house
    receiver.code = code
    answer = sender.send(body())
    assert (answer.verdict, answer.is_odd) == (verdict, is_odd)


def test_retry_info_is_read(house):
    """The wait that the receiver names."""
    receiver, sender = house
    detail = Any()
    detail.Pack(RetryInfo(retry_delay=Duration(seconds=12)))
    receiver.code = grpc.StatusCode.RESOURCE_EXHAUSTED
    receiver.details = (("grpc-status-details-bin", Status(details=[detail]).SerializeToString()),)
    assert sender.send(body()).retry_after_s == 12


def test_nobody_listens():
    """Unreachable, and no exception."""
    sender = GrpcSender(Target(f"127.0.0.1:{free_port()}", transport=Transport.GRPC, attempt_s=1), signal="traces")
    assert sender.send(body()).verdict is Verdict.UNREACHABLE
    sender.close()


def test_after_a_fork_the_parents_channel_is_left_alone(house):
    """The child makes a channel of its own and never touches the other."""
    _, sender = house
    sender.send(body())
    parents = sender._channel
    sender.after_fork()
    assert sender.send(body()).verdict is Verdict.TAKEN
    assert sender._channel is not parents
    parents.close()
