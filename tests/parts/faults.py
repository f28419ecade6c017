#!/usr/bin/env python3
"""A proxy of HTTP/1.1 and HTTP/2 that goes wrong on demand: whole requests in, whole replies out, unless a fault says otherwise.

faults.py PORT CERT KEY: hands on to 127.0.0.1:PORT in the protocol that it was asked in, without TLS. Prints {"plain": PORT,
"tls": PORT} and serves until its input ends. Each line of input is a command, answered by a line with the state:
{"faults": [...]} sets them, {"listen": false} refuses connections and cuts those there are, {"release": true} cuts what hangs.
A fault is {"word": part of the path, "times": N, "what": ...}, what being one of
  reset       the connection, in the middle of the request's body
  lost        the connection, when the server has answered and nobody has heard of it
  hang        no answer, until it is released
  drip        the answer in small pieces, slowly
  garbage     bytes instead of an answer
  goaway      HTTP/2: the server goes before it looks at this request (RFC 9113, 6.8)
  refused     HTTP/2: RST_STREAM with REFUSED_STREAM
  {"status": 503, "retry_after": 1, "body": {...}}      of HTTP
  {"grpc": 7, "text": "..."}                            of gRPC
"""
import asyncio
import json
import os
import ssl
import sys

import h2.config
import h2.connection
import h2.events
import h2.settings

WINDOW, REFUSED_STREAM, PIECES, PIECE_S = 1 << 20, 7, 40, 0.02


class Cut(Exception):
    """This connection ends here and now."""


class State:
    def __init__(self, port):
        self.port = port
        self.faults = []
        self.used = 0
        self.most = 0  # requests at once
        self.now = 0
        self.writers = set()
        self.released = asyncio.Event()

    def take(self, path):
        for f in self.faults:
            if f["word"] in path and f["times"] > 0:
                f["times"] -= 1
                self.used += 1
                return f["what"]
        return None

    def answer(self):
        return {"left": sum(f["times"] for f in self.faults), "used": self.used, "most": self.most}


async def drip(writer, data):
    step = max(1, len(data) // PIECES)
    for i in range(0, len(data), step):
        writer.write(data[i : i + step])
        await writer.drain()
        await asyncio.sleep(PIECE_S)


# ---- HTTP/1.1: a connection for each request to the server ----


async def ask_1(state, head, body):
    """The reply, whole, as the server wrote it."""
    lines = [x for x in head.split(b"\r\n") if x and not x.lower().startswith(b"connection:")]
    reader, writer = await asyncio.open_connection("127.0.0.1", state.port)
    writer.write(b"\r\n".join([*lines, b"Connection: close", b"", b""]) + body)
    reply = await reader.read(-1)
    writer.close()
    return reply


async def serve_1(state, reader, writer, first):
    head = first + await reader.readuntil(b"\r\n\r\n")
    path = head.split(b" ", 2)[1].decode()
    length = next((int(x.split(b":")[1]) for x in head.split(b"\r\n") if x.lower().startswith(b"content-length:")), 0)
    what = state.take(path)
    if what == "reset":
        await reader.readexactly(length // 2)
        raise Cut
    body = await reader.readexactly(length)
    if what == "hang":
        await state.released.wait()
        raise Cut
    if what == "garbage":
        writer.write(os.urandom(400))
        await writer.drain()
        return False
    if isinstance(what, dict):
        text = json.dumps(what.get("body", {})).encode()
        after = f"Retry-After: {what['retry_after']}\r\n" if "retry_after" in what else ""
        writer.write(f"HTTP/1.1 {what['status']} No\r\nContent-Type: application/json\r\n{after}Content-Length: {len(text)}\r\n\r\n".encode() + text)
        await writer.drain()
        return True
    reply = await ask_1(state, head, body)
    if what == "lost":
        raise Cut
    if what == "drip":
        await drip(writer, reply)
    else:
        writer.write(reply)
        await writer.drain()
    return False


# ---- HTTP/2 ----


class Client:
    """One request to the server; its reply in parts."""

    def __init__(self):
        self.c = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        self.headers, self.trailers, self.body, self.done = None, None, b"", False

    async def read(self, reader, writer):
        data = await reader.read(65536)
        if not data:
            raise Cut
        for e in self.c.receive_data(data):
            if isinstance(e, h2.events.ResponseReceived):
                self.headers = e.headers
            elif isinstance(e, h2.events.TrailersReceived):
                self.trailers = e.headers
            elif isinstance(e, h2.events.DataReceived):
                self.body += e.data
                self.c.acknowledge_received_data(e.flow_controlled_length, e.stream_id)
            elif isinstance(e, h2.events.StreamEnded):
                self.done = True
            elif isinstance(e, (h2.events.StreamReset, h2.events.ConnectionTerminated)) and not self.done:
                raise Cut
        writer.write(self.c.data_to_send())

    async def ask(self, port, headers, body):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            self.c.initiate_connection()
            self.c.send_headers(1, headers)
            while body and not self.done:
                n = min(self.c.local_flow_control_window(1), self.c.max_outbound_frame_size, len(body))
                if n > 0:
                    self.c.send_data(1, body[:n])
                    body = body[n:]
                writer.write(self.c.data_to_send())
                if n <= 0:
                    await self.read(reader, writer)
            if not self.done:
                self.c.end_stream(1)
            writer.write(self.c.data_to_send())
            while not self.done:
                await self.read(reader, writer)
        finally:
            writer.close()
        return self


class Server:
    """A connection of ours: streams are gathered, and each answered by a task of its own."""

    def __init__(self, state, reader, writer):
        self.state, self.reader, self.writer = state, reader, writer
        self.c = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        self.streams = {}  # id -> [headers, body, fault]
        self.last = 0  # that was looked at
        self.tasks = set()

    async def flush(self):
        self.writer.write(self.c.data_to_send())
        await self.writer.drain()

    async def run(self, first):
        self.c.initiate_connection()
        self.c.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: WINDOW})
        self.c.increment_flow_control_window(WINDOW)
        await self.flush()
        data = first
        while data:
            for e in self.c.receive_data(data):
                await self.event(e)
            await self.flush()
            data = await self.reader.read(65536)

    async def event(self, e):
        if isinstance(e, h2.events.RequestReceived):
            what = self.state.take(dict(e.headers)[b":path"].decode())
            if what == "goaway":
                self.c.close_connection(last_stream_id=self.last)
                await self.flush()
                raise Cut
            if what == "refused":
                self.c.reset_stream(e.stream_id, REFUSED_STREAM)
                return
            self.last = e.stream_id
            self.streams[e.stream_id] = [e.headers, b"", what]
        elif isinstance(e, h2.events.DataReceived):
            self.c.acknowledge_received_data(e.flow_controlled_length, e.stream_id)
            stream = self.streams.get(e.stream_id)
            if stream is not None:
                stream[1] += e.data
                if stream[2] == "reset":
                    raise Cut
        elif isinstance(e, h2.events.StreamEnded) and e.stream_id in self.streams:
            task = asyncio.create_task(self.answer(e.stream_id, *self.streams.pop(e.stream_id)))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def answer(self, stream, headers, body, what):
        try:
            self.state.now += 1
            self.state.most = max(self.state.most, self.state.now)
            await self.answer_by(stream, headers, body, what)
        except (Cut, OSError, h2.exceptions.ProtocolError):
            self.writer.transport.abort()
        finally:
            self.state.now -= 1

    async def answer_by(self, stream, headers, body, what):
        if what == "hang":
            await self.state.released.wait()
            raise Cut
        if what == "garbage":
            self.writer.write(os.urandom(4000))
            await self.writer.drain()
            raise Cut
        if isinstance(what, dict):
            reply = [(":status", str(what.get("status", 200)))]
            if "retry_after" in what:
                reply.append(("retry-after", str(what["retry_after"])))
            if "grpc" in what:
                reply += [("content-type", "application/grpc"), ("grpc-status", str(what["grpc"])), ("grpc-message", what.get("text", ""))]
            self.c.send_headers(stream, reply, end_stream=True)
            await self.flush()
            return
        r = await Client().ask(self.state.port, headers, body)
        if what == "lost":
            raise Cut
        self.c.send_headers(stream, r.headers, end_stream=not r.body and r.trailers is None)
        step = max(1, len(r.body) // PIECES if what == "drip" else len(r.body))
        for i in range(0, len(r.body), step):
            self.c.send_data(stream, r.body[i : i + step], end_stream=r.trailers is None and i + step >= len(r.body))
            await self.flush()
            await asyncio.sleep(PIECE_S if what == "drip" else 0)
        if r.trailers is not None:
            self.c.send_headers(stream, r.trailers, end_stream=True)
        await self.flush()


# ---- both ----


async def serve(state, reader, writer):
    state.writers.add(writer)
    try:
        first = await reader.readexactly(3)
        if first == b"PRI":
            await Server(state, reader, writer).run(first)
        else:
            while await serve_1(state, reader, writer, first):
                first = await reader.readexactly(3)
        writer.close()
    except (Cut, OSError, asyncio.IncompleteReadError, h2.exceptions.ProtocolError):
        writer.transport.abort()
    finally:
        state.writers.discard(writer)


async def main():
    state = State(int(sys.argv[1]))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(sys.argv[2], sys.argv[3])
    tls.set_alpn_protocols(["h2", "http/1.1"])
    ports = {"plain": 0, "tls": 0}
    servers = []

    async def listen():
        for name, context in (("plain", None), ("tls", tls)):
            servers.append(await asyncio.start_server(lambda r, w: serve(state, r, w), "127.0.0.1", ports[name], ssl=context))
            ports[name] = servers[-1].sockets[0].getsockname()[1]

    await listen()
    print(json.dumps(ports), flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        command = json.loads(line)
        if "faults" in command:
            state.faults = command["faults"]
        if command.get("listen") is False:
            while servers:
                servers.pop().close()
            for w in list(state.writers):
                w.transport.abort()
        if command.get("listen"):
            await listen()
        if command.get("release"):
            state.released.set()
            state.released = asyncio.Event()
        print(json.dumps(state.answer()), flush=True)


asyncio.run(main())
