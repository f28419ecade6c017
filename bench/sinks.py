"""What delivery costs: MB of log a CPU second, and bytes on the wire, from a full journal into a server over TLS on this
host that takes everything and keeps nothing (nginx); for Kafka, into a real broker. The agent's whole CPU is counted, from its
start to the last row.

sinks.py MIB [NAME]: size of the made log; only the sink of that name.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from bench import GEN, SEKISHO, Agent, peak_mb

TESTS = pathlib.Path(__file__).resolve().parent.parent / "tests" / "e2e"

SINKS = {
    "null": "type: null",
    "pubsub, gRPC": "type: pubsub, project: p, transport: grpc",
    "pubsub, REST": "type: pubsub, project: p, transport: rest",
    "bigquery, AppendRows": "type: bigquery, project: p, dataset: d, mode: storage_write",
    "bigquery, insertAll": "type: bigquery, project: p, dataset: d",
}


def kafka(work):
    """The broker of the tests (Java; fetched by Maven), by TLS and a password. None: it can't be had here, which is said."""
    sys.path.insert(0, str(TESTS))
    import pytest
    import test_kafka_broker

    folder = work / "kafka"
    folder.mkdir()
    try:
        broker = test_kafka_broker.Broker(folder)
    except pytest.skip.Exception as why:
        print(f"  kafka                  SKIPPED: {why}")
        return None
    broker.make_topics()
    (folder / "password").write_text(test_kafka_broker.PASSWORD + "\n")
    broker.settings = (
        f"type: kafka, brokers: ['localhost:{broker.client}'], security: sasl_ssl, sasl_mechanism: plain, username: sekisho, "
        f"password_file: {folder}/password"
    )
    return broker


class Null:
    """nginx: an empty message and grpc-status 0 to whatever is posted, and {} by REST; counts what comes."""

    def __init__(self, work):
        self.work = work / "nginx"
        (self.work / "html").mkdir(parents=True)
        os.chmod(work, 0o755)
        os.chmod(self.work, 0o755)
        (self.work / "html" / "grpc").write_bytes(bytes(5))
        (self.work / "html" / "rest").write_text("{}")
        self.port = 19000 + os.getpid() % 1000
        self.cert = self.work / "c.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-keyout", self.work / "k.pem", "-out", self.cert]
            + ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
            check=True,
            capture_output=True,
        )
        temp = "".join(f"{n}_temp_path {self.work}/{n};" for n in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (self.work / "nginx.conf").write_text(
            f"daemon off; pid {self.work}/pid; error_log {self.work}/err crit; worker_processes 1; events {{}}\n"
            f"http {{ log_format n '$request_length'; access_log {self.work}/lengths n buffer=64k flush=1s; client_max_body_size 64m; {temp}\n"
            f"keepalive_requests 100000; ssl_certificate c.pem; ssl_certificate_key k.pem; root {self.work}/html;\n"
            # a body is read to its end only by what hands it on; there is no such file: its page is the answer
            # windows as wide as Google's, or a far host would wait for each 64 KB
            f"server {{ listen 127.0.0.1:{self.port} ssl http2; http2_body_preread_size 1m; client_body_buffer_size 16m; proxy_pass_request_body off;\n"
            f"  location / {{ proxy_set_header Content-Length ''; proxy_pass http://unix:{self.work}/sock:; }} }}\n"
            f"server {{ listen unix:{self.work}/sock; access_log off;\n"
            "  location /google. { error_page 404 405 =200 /grpc; } location / { error_page 404 405 =200 /rest; }\n"
            "  location = /grpc { internal; default_type application/grpc; add_header grpc-status 0 always; }\n"
            "  location = /rest { internal; default_type application/json; } } }\n"
        )
        self.p = subprocess.Popen(["nginx", "-p", str(self.work), "-c", str(self.work / "nginx.conf"), "-e", str(self.work / "err")])

    def received(self):
        time.sleep(1.2)  # its log is written once a second
        f = self.work / "lengths"
        n = sum(int(line) for line in f.read_text().split()) if f.exists() else 0
        f.write_text("")
        self.p.send_signal(10)  # opens its log again
        return n

    def stop(self):
        self.p.terminate()
        self.p.wait()


class Drain(Agent):
    """A copy of a full journal, one sink, and nothing new to read."""

    def __init__(self, work, full, sink, url, cert):
        shutil.rmtree(work / "journal", ignore_errors=True)
        shutil.copytree(full, work / "journal")
        self.config = work / "c.yaml"
        self.config.write_text(
            f"inputs:\n  - files: [{work}/nothing.log]\n"
            f"rules: [{work}/none]\njournal: {{dir: {work}/journal, max_size: 16GiB, min_free: 1%}}\n"
            f"sinks:\n  far: {{{sink}{f', endpoint: {chr(39)}{url}{chr(39)}' if url else ''}{f', ca_file: {cert}' if cert else ''}}}\nstatus: {{socket: {work}/s}}\n"
        )
        self.begin = time.monotonic()
        self.p = subprocess.Popen([SEKISHO, "run", "-c", str(self.config)], stdout=subprocess.DEVNULL, stderr=open(work / "err", "w"))

    def delivered(self, n, limit_s=40):
        while time.monotonic() - self.begin < limit_s:
            for s in self.status().get("sinks", []):
                if s["control_delivered"] + s["bulk_delivered"] >= n:
                    return True
            time.sleep(0.2)  # each look costs the agent something
        return False


def fill(work, mib):
    """A journal of a made log of that size, and how many events and bytes it took."""
    (work / "none").mkdir()
    log = work / "a.log"
    with open(log, "wb") as f:
        subprocess.run([GEN, "a1", str(mib)], stdout=f, check=True)
    a = Agent(work, log, "combined", [work / "none"])
    a.until("bytes_read", os.path.getsize(log))
    events = a.status()["events"]
    a.end()
    full = work / "full"
    (work / "journal").rename(full)
    return full, events, os.path.getsize(log)


def measure(work, full, null, name, sink, cert, size, events):
    """One line: what it costs to drain the journal into that sink. null: the server that takes it, or None."""
    d = Drain(work, full, sink, f"https://localhost:{null.port}" if null else None, cert)
    if not d.delivered(events):
        print(f"  {name:22} FAILED: {(work / 'err').read_text()[-300:]}")
        d.end()
        return
    wall = time.monotonic() - d.begin
    peak = peak_mb(d.p.pid)
    s, _ = d.end()
    wire = f"{null.received() / events:5.0f} B/event on the wire" if null else " " * 26
    print(
        f"  {name:22} {size / 1e6 / s:6.0f} MB/CPU-s  {events / s / 1e3:5.0f} k events/CPU-s  {s / events * 1e6:5.2f} us/event  "
        f"{wire}  {peak:5.1f} MB peak  {wall:4.1f} s",
        flush=True,
    )


def main():
    mib = int(sys.argv[1])
    only = sys.argv[2] if len(sys.argv) > 2 else ""
    work = pathlib.Path(tempfile.mkdtemp(prefix="sekisho-sinks."))
    full, events, size = fill(work, mib)
    null = Null(work)
    print(f"{size / 1e6:.0f} MB of made access log, {events} events, from the journal:")
    for name, sink in SINKS.items():
        if only in name:
            far = null if name != "null" else None
            null.received()
            measure(work, full, far, name, sink, null.cert if far else None, size, events)
    null.stop()
    if only in "kafka" and (broker := kafka(work)):
        measure(work, full, None, "kafka, zstd", broker.settings, broker.ca, size, events)
        broker.stop()
    shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
