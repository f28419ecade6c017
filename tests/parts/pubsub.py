#!/usr/bin/env python3
"""google.pubsub.v1.Publisher by grpcio and Google's own message classes: refuses what the real one refuses, goes wrong on demand.

pubsub.py [CERT KEY]: prints {"h2c": PORT, "tls": PORT, "control": PORT} and serves until its input ends.
Control (HTTP): GET /messages: {topic: [data, ...]}, GET /calls: what came, POST /set: {"faults": [...], "poison": "...", ...}.
"together": N: calls of Publish are answered when N of them are there. A fault is used by one call: {"code": 14, "retry_ms": 300} | {"code": 14, "after": true} (it took effect) | {"stall": true} (it
took effect, and there is no answer until the connection ends).
"""
import concurrent.futures
import json
import sys
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
from google.iam.v1 import iam_policy_pb2
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.unknown_fields import UnknownFieldSet
from google.pubsub_v1.types import PublishRequest, PublishResponse
from google.rpc import error_details_pb2, status_pb2

CODES = {c.value[0]: c for c in grpc.StatusCode}
lock = threading.Lock()
state = {"faults": [], "poison": None, "token_above": None, "may_publish": [], "no_topics": [], "together": 0}
messages = {}
calls = []
here = threading.Condition(lock)
waiting = []  # who they are, of calls that wait for others


def wait_for_others(context):
    with here:
        waiting.append(context.peer())
        if len(waiting) >= state["together"]:
            state["met"] = list(waiting)
            state["together"] = 0
            waiting.clear()
            here.notify_all()
        return here.wait_for(lambda: state["together"] == 0, 20)


def refuse(context, code, text, retry_ms=0):
    if retry_ms:
        delay = duration_pb2.Duration(seconds=retry_ms // 1000, nanos=retry_ms % 1000 * 1000000)
        detail = any_pb2.Any()
        detail.Pack(error_details_pb2.RetryInfo(retry_delay=delay))
        s = status_pb2.Status(code=code, message=text, details=[detail])
        context.set_trailing_metadata([("grpc-status-details-bin", s.SerializeToString())])
    context.abort(CODES[code], text)


def check_call(context, param, value):
    meta = dict(context.invocation_metadata())
    with lock:
        calls.append({"method": param, "seconds": context.time_remaining(), "agent": meta.get("user-agent")})
    if meta.get("x-goog-request-params") != f"{param}={urllib.parse.quote(value, safe='')}":
        refuse(context, 3, f"x-goog-request-params: {meta.get('x-goog-request-params')}")
    if state["token_above"] is not None:
        scheme, _, token = meta.get("authorization", "").partition(" ")
        if scheme != "Bearer" or int(token.rsplit("-", 1)[1]) <= state["token_above"]:
            refuse(context, 16, "the token is not one of ours")
    if value.rsplit("/", 1)[1] in state["no_topics"]:
        refuse(context, 5, f"Resource not found (resource={value}).")


def publish(request, context):
    pb = PublishRequest.pb(request)
    check_call(context, "topic", request.topic)
    if state["together"] and not wait_for_others(context):
        refuse(context, 14, "the others did not come")
    with lock:
        fault = state["faults"].pop(0) if state["faults"] else None
    if fault and "code" in fault and not fault.get("after"):
        refuse(context, fault["code"], fault.get("text", "söried: 100 %"), fault.get("retry_ms", 0))
    if len(UnknownFieldSet(pb)) or any(len(UnknownFieldSet(m)) for m in pb.messages):
        refuse(context, 3, "unknown fields")
    if not 0 < len(pb.messages) <= 1000 or pb.ByteSize() > 10_000_000:
        refuse(context, 3, "The value for message_count or request_size is invalid")
    rows = [m.data for m in pb.messages]
    if any(m.attributes or m.ordering_key or not m.data for m in pb.messages):
        refuse(context, 3, "attributes or an empty message")
    if state["poison"] and any(state["poison"].encode() in r for r in rows):
        refuse(context, 3, "a message is malformed")
    for r in rows:
        json.loads(r)
    with lock:
        kept = messages.setdefault(request.topic.rsplit("/", 1)[1], [])
        kept.extend(r.decode() for r in rows)
    if fault and fault.get("after"):
        refuse(context, fault["code"], "it took effect all the same")
    if fault and fault.get("stall"):
        ended = threading.Event()
        context.add_callback(ended.set)
        ended.wait(60)
    return PublishResponse(message_ids=[str(i) for i in range(len(rows))])


def permissions(request, context):
    check_call(context, "resource", request.resource)
    if request.resource.rsplit("/", 1)[1] not in state["may_publish"]:
        return iam_policy_pb2.TestIamPermissionsResponse()
    return iam_policy_pb2.TestIamPermissionsResponse(permissions=request.permissions)


class Control(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with lock:
            if self.path == "/set":
                state.update(json.loads(body))
            answer = {"/messages": messages, "/calls": calls, "/set": state, "/state": state}[self.path]
            data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_POST = do_GET


def main():
    # connections end soon, by GOAWAY: a client has to bear that
    options = [("grpc.max_receive_message_length", 16 << 20), ("grpc.max_connection_age_ms", 500), ("grpc.max_connection_age_grace_ms", 60000)]
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(16), options=options)
    unary = grpc.unary_unary_rpc_method_handler
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(
                "google.pubsub.v1.Publisher", {"Publish": unary(publish, PublishRequest.deserialize, PublishResponse.serialize)}
            ),
            grpc.method_handlers_generic_handler(
                "google.iam.v1.IAMPolicy",
                {
                    "TestIamPermissions": unary(
                        permissions,
                        iam_policy_pb2.TestIamPermissionsRequest.FromString,
                        iam_policy_pb2.TestIamPermissionsResponse.SerializeToString,
                    )
                },
            ),
        )
    )
    ports = {"h2c": server.add_insecure_port("127.0.0.1:0")}
    if len(sys.argv) == 3:
        cert, key = (open(f, "rb").read() for f in sys.argv[1:])
        ports["tls"] = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, cert)]))
    server.start()
    control = ThreadingHTTPServer(("127.0.0.1", 0), Control)
    threading.Thread(target=control.serve_forever, daemon=True).start()
    print(json.dumps({**ports, "control": control.server_port}), flush=True)
    sys.stdin.read()
    server.stop(None)


main()
