"""Servers that stand for Google's, by others' code: bqemulator, and gRPC by grpcio with Google's own message classes, out of
a virtual environment that is made once. And a proxy before them that goes wrong on demand."""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request

import pytest
from conftest import ROOT, wait_for

PINS = [
    "bqemulator==1.4.0",
    "duckdb==1.5.5",
    "numpy==2.2.6",
    "grpcio==1.85.1",
    "grpcio-status==1.85.1",
    "protobuf==6.33.6",
    "google-cloud-pubsub==2.44.0",
    "google-cloud-bigquery-storage==2.43.0",
]
CACHE = pathlib.Path(os.environ.get("SEKISHO_TEST_CACHE", "/var/tmp/sekisho-tests"))
VENV = CACHE / "google-1"
FAULTS_PINS = ["h2==4.2.0", "hpack==4.1.0", "hyperframe==6.1.0"]


def python(venv=VENV, pins=tuple(PINS)):
    """Of a virtual environment with all of them; made once, skipped where it can't be had."""
    exe = venv / "bin" / "python"
    done = venv / "complete"
    if not done.exists() or done.read_text().split() != list(pins):
        shutil.rmtree(venv, ignore_errors=True)
        try:
            subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True, capture_output=True, text=True, timeout=120)
            subprocess.run([str(exe), "-m", "pip", "-q", "install", *pins], check=True, capture_output=True, text=True, timeout=400)
        except (subprocess.SubprocessError, OSError) as e:
            pytest.skip(f"test parts can't be installed: {(getattr(e, 'stderr', None) or str(e)).strip()[-200:]}")
        done.write_text("\n".join(pins) + "\n")
    return exe


def certificate(folder):
    """Self-signed, of localhost: the pair of files."""
    cert, key = folder / "c.pem", folder / "k.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-keyout", key, "-out", cert, "-subj", "/CN=localhost"]
        + ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        check=True,
        capture_output=True,
    )
    return cert, key


class Emulator:
    """bqemulator: REST at base, gRPC without TLS at grpc."""

    def __init__(self, folder, port):
        self.base = f"http://127.0.0.1:{port}"
        self.grpc = f"http://127.0.0.1:{port + 1}"
        self.folder = folder
        home = folder / "home"
        home.mkdir()
        self.out = open(folder / "bqemu.out", "wb")
        self.process = subprocess.Popen(
            [str(python()), str(ROOT / "tests" / "parts" / "bqemu.py"), "start", "--rest-port", str(port), "--grpc-port", str(port + 1), "--ephemeral", "--log-level", "warning"],
            env={**os.environ, "HOME": str(home)}, cwd=home, stdout=self.out, stderr=self.out,
        )
        wait_for(self.ready, "the emulator answers")

    def ready(self):
        assert self.process.poll() is None, (self.folder / "bqemu.out").read_text()[-2000:]
        try:
            return urllib.request.urlopen(self.base + "/readyz", timeout=5).status == 200
        except OSError:
            return False

    def post(self, path, body):
        r = urllib.request.Request(self.base + "/bigquery/v2/projects/p" + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        try:
            return json.load(urllib.request.urlopen(r, timeout=120))
        except urllib.error.HTTPError as e:
            raise AssertionError(f"{path}: {e.code} {e.read().decode()[:500]}") from e

    def query(self, sql):
        r = self.post("/queries", {"query": sql, "useLegacySql": False})
        assert r.get("jobComplete") and not r.get("errors"), r
        return [[c["v"] for c in row["f"]] for row in r.get("rows", [])]

    def stop(self):
        self.process.kill()  # it keeps nothing, and would wait for whoever still asks
        self.process.wait(timeout=30)


class PubSub:
    """tests/parts/pubsub.py in a process of its own."""

    def __init__(self, folder):
        self.cert, key = certificate(folder)
        self.out = open(folder / "pubsub.out", "wb")
        self.process = subprocess.Popen(
            [str(python()), str(ROOT / "tests" / "parts" / "pubsub.py"), str(self.cert), str(key)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.out,
        )
        line = self.process.stdout.readline()
        assert line, (folder / "pubsub.out").read_text()[-2000:]
        ports = json.loads(line)
        self.h2c_port = ports["h2c"]
        self.h2c = f"http://127.0.0.1:{ports['h2c']}"
        self.tls = f"https://localhost:{ports['tls']}"
        self.control = f"http://127.0.0.1:{ports['control']}"

    def ask(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        return json.load(urllib.request.urlopen(urllib.request.Request(self.control + path, data), timeout=30))

    def set(self, **state):
        self.ask("/set", state)

    def rows(self, topic):
        return [json.loads(m) for m in self.ask("/messages").get(topic, [])]

    def stop(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)


class Proxy:
    """TCP, here to there; counts what goes there, and cuts all connections on demand."""

    def __init__(self, port):
        self.to = port
        self.sent = 0
        self.refuse = 0  # connections to break once the request has begun
        self.pairs = []
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                here, _ = self.listener.accept()
            except OSError:
                return
            there = socket.create_connection(("127.0.0.1", self.to))
            with self.lock:
                self.pairs += [here, there]
            threading.Thread(target=self.pump, args=(here, there, True), daemon=True).start()
            threading.Thread(target=self.pump, args=(there, here, False), daemon=True).start()

    def pump(self, a, b, count):
        try:
            while data := a.recv(65536):
                self.sent += len(data) if count else 0
                b.sendall(data)
                if count and self.refuse > 0:
                    self.refuse -= 1
                    self.cut()
            b.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def cut(self):
        with self.lock:
            for s in self.pairs:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                s.close()
            self.pairs = []

    def stop(self):
        self.listener.close()
        self.cut()


class Faults:
    """tests/parts/faults.py in a process of its own, before a server on this host."""

    def __init__(self, folder, port):
        self.cert, key = certificate(folder)
        self.out = open(folder / "faults.out", "wb")
        exe = python(CACHE / "faults-1", FAULTS_PINS)
        self.process = subprocess.Popen(
            [str(exe), str(ROOT / "tests" / "parts" / "faults.py"), str(port), str(self.cert), str(key)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.out, text=True,
        )
        line = self.process.stdout.readline()
        assert line, (folder / "faults.out").read_text()[-2000:]
        ports = json.loads(line)
        self.plain = f"http://127.0.0.1:{ports['plain']}"
        self.tls = f"https://localhost:{ports['tls']}"

    def tell(self, **command):
        """The state after it."""
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def arm(self, word, what, times=1):
        self.tell(faults=[{"word": word, "times": times, "what": what}])

    def stop(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)
