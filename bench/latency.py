"""What a far server costs: events a second from a full journal into a server over TLS whose answers are 150 ms away, with
1, 4 and 16 requests in flight. The way there is a proxy that holds each byte back for half of that, in both directions.

latency.py MIB [NAME]: size of the made log; only sinks with that in their name.
"""
import asyncio
import pathlib
import shutil
import sys
import tempfile
import threading
import time

from bench import peak_mb
from sinks import SINKS, Drain, Null, fill

HALF_S = 0.075
REQUESTS = (1, 4, 16)


class Far:
    """TCP, here to there; each byte comes HALF_S later."""

    def __init__(self, port):
        self.to = port
        self.port = 0
        ready = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self.serve(ready)), daemon=True).start()
        ready.wait()

    async def serve(self, ready):
        server = await asyncio.start_server(self.accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await server.serve_forever()

    async def accept(self, reader, writer):
        await asyncio.sleep(HALF_S)
        there = await asyncio.open_connection("127.0.0.1", self.to)
        await asyncio.gather(self.pump(reader, there[1]), self.pump(there[0], writer))

    async def pump(self, reader, writer):
        late = asyncio.Queue()

        async def deliver():
            while True:
                at, data = await late.get()
                await asyncio.sleep(max(0, at - time.monotonic()))
                if not data:
                    writer.close()
                    return
                writer.write(data)

        task = asyncio.create_task(deliver())
        try:
            while data := await reader.read(1 << 18):
                late.put_nowait((time.monotonic() + HALF_S, data))
        except OSError:
            pass
        late.put_nowait((time.monotonic() + HALF_S, b""))
        await task


def main():
    mib = int(sys.argv[1])
    only = sys.argv[2] if len(sys.argv) > 2 else ""
    work = pathlib.Path(tempfile.mkdtemp(prefix="sekisho-latency."))
    full, events, _ = fill(work, mib)
    null = Null(work)
    far = Far(null.port)
    print(f"{events} events from the journal to a server that is {2 * HALF_S * 1000:.0f} ms away:")
    for name, sink in SINKS.items():
        if "null" in name or only not in name:
            continue
        for n in REQUESTS:
            d = Drain(work, full, f"{sink}, requests: {n}", f"https://localhost:{far.port}", null.cert)
            ok = d.delivered(events, 600)
            wall = time.monotonic() - d.begin
            peak = peak_mb(d.p.pid)
            s, _ = d.end()
            what = f"{events / wall:7.0f} events/s  {s / events * 1e6:5.2f} us/event of CPU  {peak:5.1f} MB peak" if ok else "FAILED"
            print(f"  {name:22} {n:2} in flight  {what}", flush=True)
    null.stop()
    shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
