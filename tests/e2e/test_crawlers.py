"""Crawlers verified by DNS: those are never blocked, only a definite contrary answer makes one forged, and nothing waits for DNS."""
import json
import time

import pytest

from conftest import ROOT, access_line, wait_for
from dns_server import DnsServer
from test_commands import RULE, sekisho

GOOGLE = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
BING = "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)"
ATTACK = "/?id=1+UNION+ALL+SELECT+2"
BOT = "66.249.66.1"
BOT6 = "2001:4860:4801:10::1a"


@pytest.fixture
def dns():
    server = DnsServer()
    yield server
    server.close()


@pytest.fixture
def site(agent, dns):
    (agent.root / "rules" / "union.yml").write_text(RULE)
    (agent.root / "rules" / "crawlers.yml").write_text((ROOT / "rules" / "crawlers" / "verified.yml").read_text())
    agent.parser = "combined"
    agent.response = "{mode: enforce, planes: [dry-run]}"
    agent.more = f"crawlers: {{resolver: '127.0.0.1:{dns.port}'}}"
    agent.n = 0
    return agent


def get(agent, path, addr, ua=GOOGLE, times=1):
    agent.n += times
    with open(agent.logs / "a.log", "a") as f:
        f.write("".join(access_line(1, path, addr, agent=ua) for _ in range(times)))
    agent.wait_rows(agent.n)


def counted(agent, name, n=1):
    wait_for(lambda: agent.status()[name] >= n, f"{name} is {n}")


def verifications(agent):
    rows = agent.query("SELECT attributes FROM events_raw ORDER BY seq")
    return [json.loads(r[0] or "{}").get("sekisho.crawler.verification") for r in rows]


@pytest.mark.parametrize("addr,ua,name", [(BOT, GOOGLE, "crawl-66-249-66-1.googlebot.com"), (BOT6, GOOGLE, "Crawl.GoogleBot.com"), ("40.77.167.1", BING, "msnbot-40-77-167-1.search.msn.com")])
def test_a_verified_crawler_is_never_blocked(site, dns, addr, ua, name):
    dns.crawler(addr, "other.example", name)
    site.start()
    get(site, "/", addr, ua)
    counted(site, "crawlers_verified")
    get(site, ATTACK, addr, ua)
    site.wait_rows(1, "alerts")
    assert site.query("SELECT action, effective, reason FROM alerts") == [("block", "notify", "it is a verified crawler's address")]
    assert verifications(site) == ["unverified", "verified"]
    assert site.count("blocks") == 0
    assert "it is a verified crawler's address" in site.run("blocks", "explain", addr).stdout
    assert "refused" in site.run("blocks", "add", addr, "1h").stdout


def test_a_block_that_came_before_the_answer_ends_with_it(site, dns):
    dns.crawler(BOT, "crawl-66-249-66-1.googlebot.com")
    dns.silent.set()
    site.start()
    get(site, ATTACK, BOT)
    site.wait_rows(1, "blocks")
    assert site.query("SELECT state FROM blocks") == [("active",)]
    wait_for(lambda: dns.held, "DNS was asked")
    dns.speak()
    wait_for(lambda: site.query("SELECT state, reason FROM blocks") == [("removed", "it is a verified crawler's address")], "the block ends")


@pytest.mark.parametrize("how", ["no name", "a name elsewhere", "a name that leads elsewhere", "a name that is not there", "a name that only ends so"])
def test_a_definite_contrary_answer_makes_one_forged(site, dns, how):
    if how == "a name elsewhere":
        dns.crawler("203.0.113.7", "host.example.net")
    elif how == "a name that leads elsewhere":
        dns.crawler("203.0.113.7", "crawl-66-249-66-1.googlebot.com", back=BOT)
    elif how == "a name that is not there":
        dns.crawler("203.0.113.7", "crawl-1.googlebot.com")
        del dns.names["crawl-1.googlebot.com"]
    elif how == "a name that only ends so":
        dns.crawler("203.0.113.7", "crawl.notgooglebot.com", "googlebot.com.example.net")
    site.start()
    get(site, "/", "203.0.113.7")
    counted(site, "crawlers_forged")
    get(site, "/", "203.0.113.7", times=20)
    site.wait_rows(1, "alerts")
    assert verifications(site) == ["unverified"] + ["forged"] * 20
    assert site.query("SELECT count(*) FROM detections WHERE rule = 'crawler.forged'") == [(20,)]
    assert site.query("SELECT rule, entity_value FROM alerts WHERE rule = 'crawler.impostor'") == [("crawler.impostor", "203.0.113.7")]
    assert site.status()["crawlers_verified"] == 0


def test_a_server_that_fails_proves_nothing(site, dns):
    dns.crawler("203.0.113.7", "crawl-1.googlebot.com")
    dns.fail.add("crawl-1.googlebot.com")  # the reverse answer is right, the forward one is missing
    dns.fail.add("8.113.0.203.in-addr.arpa")
    site.start()
    get(site, "/", "203.0.113.7")
    get(site, "/", "203.0.113.8")
    counted(site, "crawlers_unanswered", 2)
    get(site, "/", "203.0.113.7", times=25)
    get(site, ATTACK, "203.0.113.8")
    site.wait_rows(1, "blocks")  # nobody is spared for what is not known
    assert set(verifications(site)) == {"unverified"} and site.query("SELECT * FROM alerts WHERE rule LIKE 'crawler%'") == []


def test_one_answer_serves_all_its_requests_and_browsers_ask_nothing(site, dns):
    dns.crawler(BOT, "crawl-66-249-66-1.googlebot.com")
    site.start()
    get(site, "/", "203.0.113.50", ua="Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0")
    get(site, "/", BOT)
    counted(site, "crawlers_verified")
    get(site, "/", BOT, times=500)
    assert sorted(dns.asked) == [("1.66.249.66.in-addr.arpa", 12), ("crawl-66-249-66-1.googlebot.com", 1)]


def test_an_operator_does_not_vouch_for_another(site, dns):
    dns.crawler(BOT, "crawl-66-249-66-1.googlebot.com")
    site.start()
    get(site, "/", BOT)
    counted(site, "crawlers_verified")
    get(site, "/", BOT, ua=BING)
    counted(site, "crawlers_forged")
    get(site, "/", BOT, ua=BING)
    get(site, "/", BOT)
    assert verifications(site) == ["unverified", "unverified", "forged", "verified"]


def test_nothing_waits_for_dns_that_is_dead(site, dns):
    dns.silent.set()
    site.start()
    begin = time.monotonic()
    for k in range(40):  # more than are asked at once
        get(site, "/", f"203.0.113.{k}", times=5)
    get(site, ATTACK, "203.0.113.200")
    site.wait_rows(1, "blocks")
    assert time.monotonic() - begin < 20
    counted(site, "crawlers_unanswered")  # a timeout is no answer
    get(site, "/", "203.0.113.0")
    site.stop()  # with questions under way
    assert time.monotonic() - begin < 40
    assert set(verifications(site)) == {"unverified"}


def test_a_flood_of_names_is_asked_slowly(site, dns):
    site.start()
    site.n += 3000
    with open(site.logs / "a.log", "a") as f:
        f.write("".join(access_line(1, "/", f"198.51.{k // 250}.{k % 250}", agent=GOOGLE) for k in range(3000)))
    site.wait_rows(3000)
    counted(site, "crawlers_not_asked", 3000 - 512 - 200)
    begin = len(dns.asked), time.monotonic()
    wait_for(lambda: len(dns.asked) >= begin[0] + 40, "it goes on")
    assert time.monotonic() - begin[1] > 1


def test_it_can_be_switched_off(site, dns):
    site.more = f"crawlers: {{verify: false, resolver: '127.0.0.1:{dns.port}'}}"
    site.start()
    get(site, "/", BOT, times=3)
    assert verifications(site) == [None] * 3 and dns.asked == []


def test_a_log_can_not_say_it_itself(site, dns):
    site.parser = "json"
    site.start()
    with open(site.logs / "a.log", "a") as f:
        f.write(json.dumps({"url.path": "/", "client.address": BOT, "user_agent.original": GOOGLE, "sekisho.crawler.verification": "verified"}) + "\n")
    site.wait_rows(1)
    assert verifications(site) == ["unverified"]


def test_a_resolver_is_an_address(agent):
    agent.more = "crawlers: {resolver: dns.example}"
    agent.write_config()
    p = agent.run("check")
    assert p.returncode == 78 and "is neither ADDRESS nor ADDRESS:PORT" in p.stderr


def test_a_backtest_over_kept_events_knows_who_was_verified(site, dns):
    dns.crawler(BOT, "crawl-66-249-66-1.googlebot.com")
    site.start()
    get(site, "/", BOT)
    counted(site, "crawlers_verified")
    get(site, ATTACK, BOT)
    p = sekisho("rules", "backtest", "t.union", "--rules", str(site.root / "rules"), "--fail-if", "verified_blocked>0", "--journal", str(site.root / "journal"))
    assert p.returncode == 65 and "                   1 of crawlers that DNS had confirmed" in p.stdout
