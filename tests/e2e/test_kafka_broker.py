"""Kafka by TLS and SASL against real brokers, read by their own consumer. Of `make test-full`: it needs Java and Maven."""
import json
import shutil
import socket
import subprocess

import pytest
from conftest import ROOT, serve, wait_for
from google_parts import CACHE
from test_google import write_lines

pytestmark = pytest.mark.full
SOURCE = ROOT / "tests" / "parts" / "kafka"
PASSWORD = "s3cret-of-the-test"
CLUSTER = "AAAAAAAAAAAAAAAAAAAAAQ"


def jars(version):
    """Kafka's, fetched once for each version; skipped where there is no Java, or no way to them."""
    if shutil.which("java") is None or shutil.which("mvn") is None:
        pytest.skip("Java and Maven are not installed (the broker is written in it)")
    folder = CACHE / f"kafka-{version}"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        fetch = ["mvn", "-q", "-B", "-f", str(SOURCE / "pom.xml"), "dependency:copy-dependencies", f"-DoutputDirectory={folder}", f"-Dkafka={version}"]
        got = subprocess.run(fetch, capture_output=True, text=True, timeout=600)
        if got.returncode != 0:
            pytest.skip(f"Kafka can't be had: {got.stdout.strip()[-300:]}")
        (folder / "complete").touch()
    return f"{folder}/*"


def make_authority(folder):
    """ca.pem, and broker.pem: key and certificate of localhost, signed by it."""
    def openssl(*args):
        subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True, cwd=folder)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", 30, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=an authority of our own")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "b.key", "-out", "b.csr", "-subj", "/CN=localhost")
    (folder / "ext").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", "b.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", 30, "-extfile", "ext", "-out", "b.pem")
    (folder / "broker.pem").write_bytes((folder / "b.key").read_bytes() + (folder / "b.pem").read_bytes())


def free_ports(n):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Broker:
    def __init__(self, folder, version="4.1.0"):
        self.folder = folder
        self.java = ["java", "-Xms64m", "-Xmx192m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", jars(version)]
        self.out = open(folder / "broker.out", "ab")
        self.client, self.reader, controller = free_ports(3)
        make_authority(folder)
        self.ca = folder / "ca.pem"
        self.config = folder / "server.properties"
        text = (SOURCE / "server.properties").read_text()
        for name, value in {"client": self.client, "reader": self.reader, "controller": controller, "folder": folder, "password": PASSWORD}.items():
            text = text.replace("{%s}" % name, str(value))
        self.config.write_text(text)
        scram = [x for m in ("256", "512") for x in ("--add-scram", f'SCRAM-SHA-{m}=[name=sekisho,password={PASSWORD}]')]
        self.tool("kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", self.config, *scram)
        self.readers = []
        self.process = None
        self.start()

    def tool(self, name, *args):
        subprocess.run([*self.java, name, *map(str, args)], check=True, stdout=self.out, stderr=self.out, timeout=120)

    def start(self):
        self.process = subprocess.Popen([*self.java, "kafka.Kafka", str(self.config)], stdout=self.out, stderr=self.out)
        wait_for(self.answers, "the broker answers")

    def answers(self):
        assert self.process.poll() is None, (self.folder / "broker.out").read_text()[-2000:]
        try:
            socket.create_connection(("127.0.0.1", self.client), 5).close()
            return True
        except OSError:
            return False

    def make_topics(self):
        for table in ("events", "alerts", "blocks", "rejects", "ledger"):
            self.tool("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", f"127.0.0.1:{self.reader}", "--create", "--topic", f"sekisho-{table}")

    def read(self):
        """A consumer from the beginning on; it goes on by itself. What it has read is told by ids()."""
        self.read_out = open(self.folder / "events.ndjson", "wb")
        args = ["--bootstrap-server", f"127.0.0.1:{self.reader}", "--topic", "sekisho-events", "--from-beginning"]
        self.readers.append(subprocess.Popen([*self.java, "org.apache.kafka.tools.consumer.ConsoleConsumer", *args], stdout=self.read_out, stderr=self.out))

    def ids(self):
        text = (self.folder / "events.ndjson").read_bytes()
        return {json.loads(line)["id"] for line in text[: text.rfind(b"\n") + 1].splitlines()}

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        for p in [*self.readers, self.process]:
            p.kill()
            p.wait()


@pytest.fixture
def broker(tmp_path, request):
    yield from serve(tmp_path / "kafka", lambda folder: Broker(folder, *getattr(request, "param", ())))


def use(agent, broker, mechanism, password=PASSWORD, ca=None):
    (agent.root / "password").write_text(password + "\n")
    agent.parser = "combined"
    agent.sinks["far"] = (
        f"type: kafka, brokers: ['localhost:{broker.client}'], security: sasl_ssl, sasl_mechanism: {mechanism}, username: sekisho, "
        f"password_file: {agent.root}/password, ca_file: {ca or broker.ca}, options: {{message.timeout.ms: 5000, request.timeout.ms: 3000, socket.timeout.ms: 4000}}"
    )


def far(agent):
    return next(s for s in agent.status()["sinks"] if s["name"] == "far")


# librdkafka before 2.6.1 can't do SCRAM with Kafka 4
@pytest.mark.parametrize("broker, mechanism", [(["3.9.1"], "scram-sha-256"), (["4.1.0"], "plain")], indirect=["broker"])
def test_who_has_the_password_delivers_and_who_has_not_is_held(agent, broker, mechanism):
    use(agent, broker, mechanism, password="not this one")
    write_lines(agent, 3000)
    agent.start()
    agent.wait_rows(3000)  # the sink beside it
    wait_for(lambda: far(agent)["held"], "it is held")
    assert "uthentication" in far(agent)["last_error"], far(agent)
    assert far(agent)["rejected"] == 0
    agent.stop()
    check = agent.run("check", "--online")
    assert check.returncode == 69 and "uthentication" in check.stdout, check
    broker.make_topics()
    use(agent, broker, mechanism)
    check = agent.run("check", "--online")
    assert check.returncode == 0 and "far: ok:   topic sekisho-events: 2 partitions" in check.stdout, check
    agent.start()
    broker.read()
    wait_for(lambda: len(broker.ids()) == 3000, "all events")
    wait_for(lambda: far(agent)["lag_events"] == 0, "all is settled")
    assert agent.run("audit").returncode == 0
    assert PASSWORD not in (agent.root / "out").read_text()
    agent.stop()


def test_a_broker_that_somebody_else_vouches_for_gets_nothing(agent, broker, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    make_authority(other)
    use(agent, broker, "plain", ca=other / "ca.pem")
    write_lines(agent, 10)
    agent.start()
    agent.wait_rows(10)
    wait_for(lambda: "certificate verify failed" in far(agent)["last_error"], "why is said")
    assert far(agent)["rejected"] == 0 and far(agent)["lag_events"] == 10
    agent.stop()


def test_a_broker_killed_in_the_middle_of_the_stream_loses_nothing(agent, broker):
    broker.make_topics()
    use(agent, broker, "plain")
    broker.read()
    agent.start()
    for i in range(3):
        write_lines(agent, 3000, first=i * 6000)
        wait_for(lambda: len(broker.ids()) > i * 6000, "some of them")
        broker.kill()
        write_lines(agent, 3000, first=i * 6000 + 3000)
        agent.wait_rows((i + 1) * 6000)  # the sink beside it is not delayed
        broker.start()
        wait_for(lambda: len(broker.ids()) == (i + 1) * 6000, "all events")
    wait_for(lambda: far(agent)["lag_events"] == 0, "all is settled")
    assert far(agent)["rejected"] == 0 and agent.run("audit").returncode == 0
    agent.stop()


def test_a_password_that_is_right_and_refused_all_the_same_is_explained(agent, broker):
    broker.make_topics()
    use(agent, broker, "scram-sha-512")
    agent.write_config()
    check = agent.run("check", "--online")
    if check.returncode != 0:  # a librdkafka that can't
        assert "uthentication" in check.stdout and "librdkafka" in check.stdout and "2.6.1 can" in check.stdout, check
