"""Each service behind a proxy that goes wrong in every way there is, one after the other, in the middle of the stream: every row
arrives, the sums balance, and the sink beside it is not delayed."""
import pytest
from conftest import wait_for
from fake_google import key_file
from google_parts import Faults
from test_bigquery import make_tables
from test_google import distinct, sink_status, use, write_lines

AGAIN = {"status": 429, "retry_after": 1}, {"status": 500}, {"status": 503, "retry_after": 1}
BOTH = ("refuse", "reset", "lost", "hang", "drip", "garbage", *AGAIN)
HTTP2 = ("goaway", "refused", {"grpc": 14, "text": "try again"}, {"grpc": 8}, {"grpc": 4}, {"grpc": 13})
LINES = 1200  # more than a request of most services holds


@pytest.fixture
def before(tmp_path):
    """A proxy before the server on that port."""
    proxies = []

    def make(port):
        folder = tmp_path / f"faults{len(proxies)}"
        folder.mkdir()
        proxies.append(Faults(folder, port))
        return proxies[-1]

    yield make
    for p in proxies:
        p.stop()


def pass_by(agent, proxy, word, what, n, arrived):
    """A fault while LINES more are on their way; n have been written before."""
    known = sink_status(agent)["retries"]
    if what == "refuse":
        proxy.tell(listen=False)
    else:
        proxy.arm(word, what)
    write_lines(agent, LINES, first=n)
    agent.wait_rows(n + LINES)  # the sink beside it has them
    if what == "refuse":
        wait_for(lambda: sink_status(agent)["retries"] > known, "a refused connection")
        proxy.tell(listen=True)
    if what == "hang":
        wait_for(lambda: sink_status(agent)["in_flight"] > 0 and proxy.tell()["left"] == 0, "a request that hangs")
        proxy.tell(release=True)
    wait_for(lambda: proxy.tell()["left"] == 0, f"{what} has happened")
    wait_for(lambda: arrived() == n + LINES, f"all rows after {what}")
    wait_for(lambda: sink_status(agent)["lag_events"] == 0, f"all is settled after {what}")
    assert agent.run("audit").returncode == 0, what
    one = sink_status(agent)
    assert one["rejected"] == 0 and not one["held"], (what, one)


def walk(agent, proxy, word, faults, arrived):
    agent.start()
    for i, what in enumerate(faults):
        pass_by(agent, proxy, word, what, i * LINES, arrived)
    agent.stop()


def test_pubsub_by_rest(agent, google, before):
    proxy = before(google.port)
    use(agent, proxy.plain)
    walk(agent, proxy, "events", BOTH, lambda: len(distinct(google.rows("sekisho-events"))))


def test_pubsub_by_grpc(agent, pubsub, before):
    proxy = before(pubsub.h2c_port)
    use(agent, proxy.tls, more=f", transport: grpc, ca_file: {proxy.cert}")
    walk(agent, proxy, "Publish", BOTH + HTTP2, lambda: len(distinct(pubsub.rows("sekisho-events"))))


def test_cloud_logging(agent, google, before, monkeypatch):
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", google.url)
    proxy = before(google.port)
    use(agent, proxy.plain, "cloud_logging", more=", entries: all")
    walk(agent, proxy, "entries:write", BOTH, lambda: len({e["insertId"] for e in google.entries.get("sekisho-events", [])}))


@pytest.mark.parametrize("mode", ["insert_all", "storage_write"])
def test_bigquery(agent, bigquery, before, mode):
    make_tables(bigquery, "far")
    rest = mode == "insert_all"
    proxy = before(int((bigquery.base if rest else bigquery.grpc).rsplit(":", 1)[1]))
    agent.parser = "combined"
    agent.sinks["far"] = f"type: bigquery, project: p, dataset: far, mode: {mode}, ca_file: {proxy.cert}, endpoint: '{proxy.plain if rest else proxy.tls}'"
    faults = BOTH if rest else BOTH + HTTP2
    walk(agent, proxy, "insertAll" if rest else "AppendRows", faults, lambda: int(bigquery.query("SELECT count(DISTINCT id) FROM `p.far.events_raw`")[0][0]))


def test_tokens_refused_all_at_once_are_renewed_once(agent, google, pubsub, before):
    proxy = before(pubsub.h2c_port)
    use(agent, proxy.tls, more=f", transport: grpc, ca_file: {proxy.cert}, credentials: {key_file(google)}")
    agent.more = f"sandbox_connect: ['{google.port}']"  # where tokens are
    proxy.arm("Publish", {"grpc": 16, "text": "no such token"}, times=4)
    write_lines(agent, 4000)
    agent.start()
    wait_for(lambda: len(distinct(pubsub.rows("sekisho-events"))) == 4000, "all events")
    wait_for(lambda: sink_status(agent)["lag_events"] == 0, "all is settled")
    assert proxy.tell()["left"] == 0 and google.token_requests == 2 and sink_status(agent)["retries"] == 0
    agent.stop()


def test_what_is_forbidden_for_a_while_arrives_when_it_is_not(agent, google, pubsub, before):
    """Held is tried again each minute: both transports in one test."""
    rest, grpc = before(google.port), before(pubsub.h2c_port)
    use(agent, grpc.tls, more=f", transport: grpc, ca_file: {grpc.cert}")
    agent.sinks["rest"] = f"type: pubsub, project: p, endpoint: '{rest.plain}'"
    grpc.arm("Publish", {"grpc": 7, "text": "no pubsub.topics.publish"}, times=4)
    rest.arm("events", {"status": 403, "body": {"error": {"status": "PERMISSION_DENIED", "message": "not yours"}}}, times=4)
    write_lines(agent, 500)
    agent.start()
    agent.wait_rows(500)
    wait_for(lambda: all(s["held"] for s in agent.status()["sinks"] if s["name"] != "local"), "both are held")
    assert agent.run("audit").returncode == 0
    grpc.tell(faults=[])
    rest.tell(faults=[])
    wait_for(lambda: len(distinct(pubsub.rows("sekisho-events"))) == len(distinct(google.rows("sekisho-events"))) == 500, "all events")
    wait_for(lambda: not any(s["held"] for s in agent.status()["sinks"]), "none is held")
    assert agent.run("audit").returncode == 0
    agent.stop()
