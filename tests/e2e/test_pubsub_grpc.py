"""Pub/Sub by gRPC, against grpcio with Google's own message classes: the same rows as by REST, and nothing lost on the way."""
import re
import ssl

import pytest
from conftest import access_line, wait_for
from fake_google import key_file
from google_parts import Proxy, certificate
from test_google import distinct, sink_status, use, write_lines


def grpc(agent, url, more=""):
    use(agent, url, more=", transport: grpc" + more)


def all_events(pubsub, n):
    wait_for(lambda: len(distinct(pubsub.rows("sekisho-events"))) == n, f"{n} events")


def test_the_same_rows_as_by_rest_and_compressed(agent, google, pubsub):
    proxy = Proxy(pubsub.h2c_port)
    grpc(agent, proxy.url)
    agent.sinks["rest"] = f"type: pubsub, project: p, endpoint: '{google.url}'"
    write_lines(agent, 3000)
    with open(agent.logs / "a.log", "a") as f:
        f.write(access_line(1, "/?q=%24%7Bjndi%3Aldap%3A%2F%2Fx%2Fa%7D", addr="198.51.100.9"))
        f.write("no access line: \x00 \u3042 \\ \"\n")
    agent.start()
    all_events(pubsub, 3002)
    wait_for(lambda: len(distinct(google.rows("sekisho-events"))) == 3002, "all events by REST")
    wait_for(lambda: pubsub.rows("sekisho-alerts") and google.rows("sekisho-alerts"), "the alert")
    for topic in ("sekisho-events", "sekisho-alerts"):
        a, b = ({r["seq"]: r for r in rows} for rows in (pubsub.rows(topic), google.rows(topic)))
        assert a == b and len(a) > 0
    raw = sum(len(m) for t in pubsub.ask("/messages").values() for m in t)
    assert proxy.sent < raw / 3, (proxy.sent, raw)
    call = pubsub.ask("/calls")[0]
    assert 30 < call["seconds"] <= 60, call
    assert agent.run("audit").returncode == 0
    agent.stop()
    proxy.stop()


def test_by_tls_it_is_grpc_by_itself_and_connections_that_end_lose_nothing(agent, pubsub):
    use(agent, pubsub.tls, more=f", ca_file: {pubsub.cert}")  # connections end after half a second, by GOAWAY
    agent.start()
    for i in range(12):
        write_lines(agent, 100, first=i * 100)
        all_events(pubsub, (i + 1) * 100)
    assert sink_status(agent)["rejected"] == 0
    assert agent.run("audit").returncode == 0
    agent.stop()


def test_several_requests_are_under_way_over_one_connection(agent, pubsub):
    pubsub.set(together=4)
    use(agent, pubsub.tls, more=f", ca_file: {pubsub.cert}")
    write_lines(agent, 4000)
    agent.start()
    all_events(pubsub, 4000)
    met = pubsub.ask("/state")["met"]
    assert len(met) == 4 and len(set(met)) == 1, met
    wait_for(lambda: sink_status(agent)["lag_events"] == 0, "all is settled")
    assert len(pubsub.rows("sekisho-events")) == 4000 and sink_status(agent)["retries"] == 0
    agent.stop()


def test_where_no_http2_gets_through_it_is_rest(agent, google, tmp_path):
    cert, key = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    google.server.socket = context.wrap_socket(google.server.socket, server_side=True)
    use(agent, f"https://localhost:{google.port}", more=f", ca_file: {cert}")
    write_lines(agent, 300)
    agent.start()
    wait_for(lambda: len(distinct(google.rows("sekisho-events"))) == 300, "all events")
    posts = [path for _, path in google.requests]
    assert posts[0] == "/google.pubsub.v1.Publisher/Publish" and posts.count(posts[0]) == 1, posts
    assert sink_status(agent)["retries"] == 0
    agent.stop()


def test_what_goes_wrong_on_the_way_loses_nothing(agent, pubsub):
    faults = [{"code": 14}, {"code": 8, "retry_ms": 1500}, {"code": 13, "after": True}]
    pubsub.set(faults=faults)
    grpc(agent, pubsub.h2c)
    write_lines(agent, 500)
    agent.start()
    wait_for(lambda: "gRPC 14 UNAVAILABLE: s\u00f6ried: 100 %" in sink_status(agent)["last_error"], "the server's words")
    all_events(pubsub, 500)
    wait_for(lambda: not pubsub.ask("/state")["faults"] and sink_status(agent)["retries"] >= len(faults), "all faults")
    wait_for(lambda: agent.run("audit").returncode == 0, "the audit balances")
    agent.stop()


def test_an_answer_lost_after_it_took_effect(agent, pubsub):
    proxy = Proxy(pubsub.h2c_port)
    pubsub.set(faults=[{"stall": True}])
    grpc(agent, proxy.url)
    write_lines(agent, 300)
    agent.start()
    wait_for(lambda: pubsub.rows("sekisho-events"), "it took effect")
    proxy.cut()
    wait_for(lambda: sink_status(agent)["retries"] == 1, "nobody knows")
    all_events(pubsub, 300)
    wait_for(lambda: agent.run("audit").returncode == 0, "the audit balances")
    agent.stop()
    proxy.stop()


def test_the_bad_rows_alone_go_to_the_dead_letter(agent, pubsub):
    pubsub.set(poison="poison")
    grpc(agent, pubsub.h2c)
    bad = (7, 500, 501, 1999)
    with open(agent.logs / "a.log", "a") as f:
        f.writelines(access_line(i, f"/poison{i}" if i in bad else f"/ok{i}") for i in range(2000))
    agent.start()
    all_events(pubsub, 1996)
    dead = agent.root / "dead" / "far.ndjson"
    wait_for(lambda: dead.exists() and dead.read_text().count("\n") == 4, "four dead letters")
    assert set(re.findall(r"/poison(\d+)", dead.read_text())) == {str(n) for n in bad}
    assert "INVALID_ARGUMENT: a message is malformed" in dead.read_text()
    wait_for(lambda: sink_status(agent)["rejected"] == 4, "four rejected")
    assert agent.run("audit").returncode == 0
    agent.stop()


def test_a_refused_token_is_renewed_once_and_at_once(agent, google, pubsub):
    pubsub.set(token_above=0)
    grpc(agent, pubsub.h2c, more=f", credentials: {key_file(google)}")
    agent.more = f"sandbox_connect: ['{google.port}']"  # where tokens are
    write_lines(agent, 100)
    agent.start()
    all_events(pubsub, 100)
    assert google.token_requests == 1
    pubsub.set(token_above=1)  # taken back
    write_lines(agent, 100, first=100)
    all_events(pubsub, 200)
    assert google.token_requests == 2 and sink_status(agent)["retries"] == 0
    assert "token-key" not in (agent.root / "out").read_text()
    agent.stop()


@pytest.mark.parametrize("code", [7, 16])
def test_forbidden_is_held_and_said_and_delays_nobody(agent, pubsub, code):
    pubsub.set(faults=[{"code": code, "text": "no pubsub.topics.publish"}] * 100)
    grpc(agent, pubsub.h2c)
    write_lines(agent, 100)
    agent.start()
    agent.wait_rows(100)
    wait_for(lambda: sink_status(agent)["held"], "it is held")
    assert "pubsub.topics.publish" in sink_status(agent)["last_error"]
    agent.stop()


def test_check_online_asks_by_grpc_what_to_grant(agent, google, pubsub):
    pubsub.set(token_above=0, may_publish=["sekisho-events", "sekisho-alerts", "sekisho-blocks"], no_topics=["sekisho-ledger"])
    sink = f"  far: {{type: pubsub, project: p, transport: grpc, endpoint: '{pubsub.h2c}', credentials: {key_file(google)}}}\n"
    agent.config.write_text("inputs: [{files: [/tmp/x.log]}]\nsinks:\n" + sink)
    check = agent.run("check", "--online")
    assert check.returncode == 69, check
    assert "far: ok:   topic sekisho-events: may publish" in check.stdout
    assert "far: FAIL: topic sekisho-rejects: no permission pubsub.topics.publish; grant roles/pubsub.publisher" in check.stdout
    assert "far: FAIL: topic sekisho-ledger: gRPC 5 NOT_FOUND" in check.stdout and "gcloud pubsub topics create" in check.stdout
    pubsub.set(may_publish=["sekisho-" + t for t in ("events", "alerts", "blocks", "rejects", "ledger")], no_topics=[])
    check = agent.run("check", "--online")
    assert check.returncode == 0, check.stdout
