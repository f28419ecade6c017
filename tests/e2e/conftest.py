"""An agent in a temporary folder, and how to wait for what it does. Tests wait for events, never sleep blindly."""
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import tempfile
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("CACHE_DIRECTORY", tempfile.mkdtemp(prefix="sekisho-cache."))
SEKISHO = os.environ.get("SEKISHO", str(ROOT / "build" / "sekisho"))
NL = "\n"  # where an f-string may have no backslash
DEADLINE_S = int(os.environ.get("DEADLINE_S", 90))


def pytest_configure(config):
    config.addinivalue_line("markers", "full: of `make test-full`, with parts that need more than Debian's packages and pip's")


def wait_for(check, what, deadline_s=DEADLINE_S):
    """Poll check() until it is true; its value is returned."""
    end = time.monotonic() + deadline_s
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"never happened: {what}")
        time.sleep(0.02)


BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


def access_line(n, path="/", addr="203.0.113.7", status=200, agent=BROWSER):
    return (
        f'{addr} - - [{time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime())}] '
        f'"GET {path} HTTP/1.1" {status} {n} "-" "{agent}"\n'
    )


class Agent:
    def __init__(self, root):
        self.root = root
        self.logs = root / "logs"
        self.logs.mkdir()
        self.db = root / "sekisho.db"
        self.config = root / "sekisho.yaml"
        self.process = None
        self.files = str(self.logs / "*.log")
        self.parser = "raw"
        self.inputs = None  # YAML of all inputs, instead of files and parser
        self.rules = str(root / "rules")
        self.journal = "{dir: %s, max_size: 512MiB, segment_size: 1MiB, min_free: 1%%}" % (root / "journal")
        self.response = "{mode: shadow}"
        self.local = ""  # more settings of the sink `local`: ", max_lag: SPAN"
        self.sinks = {}  # further ones before it, by name: their settings
        self.status_more = ""  # ", listen: ADDRESS"
        self.more = ""
        (root / "rules").mkdir()

    def write_config(self):
        self.config.write_text(
            f"""service: test
inputs:
{self.inputs or self.file_input()}
rules: ["{self.rules}"]
journal: {self.journal}
sinks:
{"".join(f"  {name}: {{{text}}}{NL}" for name, text in self.sinks.items())}\
  local: {{type: sqlite, path: {self.db}, max_size: 4GiB{self.local}}}
response: {self.response}
status: {{socket: {self.root}/s.sock{self.status_more}}}
{self.more}
"""
        )

    def file_input(self):
        return f'  - {{files: ["{self.files}"], parser: {self.parser}}}'

    def start(self, wait=True, stdin=None):
        self.write_config()
        self.out = open(self.root / "out", "ab")
        self.process = subprocess.Popen(
            [SEKISHO, "run", "-c", str(self.config)], stdin=stdin, stdout=self.out, stderr=self.out
        )
        if wait:
            wait_for(lambda: self.run("status", "--check").returncode == 0, "the agent is ready")
        return self

    def run(self, *args):
        return subprocess.run(
            [SEKISHO, args[0], "-c", str(self.config), *args[1:]], capture_output=True, text=True, timeout=60
        )

    def status(self):
        return json.loads(self.run("status", "--json").stdout)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.process.terminate()
        code = self.process.wait(timeout=60)
        assert code == 0, (self.root / "out").read_text()[-2000:]

    def query(self, sql):
        if not self.db.exists():
            return []
        try:
            db = sqlite3.connect(f"file:{self.db}?mode=ro", uri=True, timeout=30)
            try:
                return db.execute(sql).fetchall()
            finally:
                db.close()
        except sqlite3.OperationalError:
            return []

    def count(self, table="events"):
        rows = self.query(f"SELECT count(*) FROM {table}")
        return rows[0][0] if rows else 0

    def wait_rows(self, n, table="events"):
        wait_for(lambda: self.count(table) >= n, f"{n} rows in {table} (there are {self.count(table)})")

    def bodies(self):
        return [r[0] for r in self.query("SELECT body FROM events_raw ORDER BY seq")]


@pytest.fixture
def agent(tmp_path):
    a = Agent(tmp_path)
    yield a
    if a.process is not None:  # shown when the test failed
        print("the agent", "ran on" if a.process.poll() is None else f"ended with {a.process.returncode}")
        print((tmp_path / "out").read_text(errors="replace")[-4000:])
    if a.process is not None and a.process.poll() is None:
        a.process.kill()
        a.process.wait()


# ---- servers that stand for Google's, each in a folder of its own ----


def serve(folder, make):
    folder.mkdir()
    server = make(folder)
    yield server
    server.stop()


@pytest.fixture
def google(tmp_path):
    from fake_google import Google, columns

    yield from serve(tmp_path / "google", lambda folder: Google(folder, columns()).start())


@pytest.fixture
def pubsub(tmp_path):
    from google_parts import PubSub

    yield from serve(tmp_path / "pubsub", PubSub)


@pytest.fixture
def bigquery(tmp_path):
    from google_parts import Emulator

    yield from serve(tmp_path / "bigquery", lambda folder: Emulator(folder, 20000 + os.getpid() % 20000))
