"""Messages of sshd that have no address get the one that their process had before, and no other."""
import json
import subprocess

from conftest import SEKISHO

ME = "203.0.113.7"


def scan(tmp_path, *lines):
    (tmp_path / "rules").mkdir()
    out = subprocess.run(
        [SEKISHO, "scan", "--all", "--parser", "syslog", "--rules", str(tmp_path / "rules"), "-"],
        input="".join(x + "\n" for x in lines), capture_output=True, text=True, check=True).stdout
    found = []
    for x in map(json.loads, out.splitlines()):
        a = x.get("attributes", x)
        found.append((a.get("client.address"), a.get("client.port"), a.get("sekisho.client.provenance")))
    return found


def line(text, time="06:00:00", host="h", name="sshd", pid=7):
    return f"Nov 23 {time} {host} {name}[{pid}]: {text}"


FAILED = f"Failed password for root from {ME} port 4022 ssh2"
BARE = "Disconnecting: Too many authentication failures for root [preauth]"
NOBODY = (None, None, None)


def test_the_same_process_of_the_same_host_within_ten_minutes(tmp_path):
    found = scan(
        tmp_path, line(BARE), line(FAILED), line(BARE), line(BARE, pid=8), line(BARE, host="other"), line(BARE, name="sudo"),
        line("fatal: no matching mac found: client x server y [preauth]", "06:09:59"), line(BARE, "06:19:58"), line(BARE, "06:40:00"))
    me = found[1]
    assert me[0] == ME and me[2] == "peer"
    assert found == [NOBODY, me, me, NOBODY, NOBODY, NOBODY, me, me, NOBODY]


def test_the_next_connection_of_a_number_is_somebody_else(tmp_path):
    other = "198.51.100.9"
    found = scan(tmp_path, line(FAILED), line(FAILED.replace(ME, other), "06:01:00"), line(BARE, "06:01:01"))
    assert [f[0] for f in found] == [ME, other, other]


def test_what_may_be_the_client_s_own_words_replaces_nothing(tmp_path):
    forged = "Failed publickey for x from 198.51.100.9 port 1 ssh2: y from 198.51.100.8 port 2 ssh2: RSA a b c"
    found = scan(tmp_path, line(FAILED), line(forged), line(BARE))
    assert found[1][2] == "claimed"
    assert found[2][0] == ME and found[2][2] == "peer"


def test_a_full_table_lets_the_quietest_go_and_says_nothing_wrong(tmp_path):
    lines = [line(f"Failed password for root from 10.{n >> 8}.{n & 255}.1 port 4022 ssh2", pid=1000 + n) for n in range(3000)]
    found = scan(tmp_path, *lines, *(line(BARE, "06:00:01", pid=1000 + n) for n in range(3000)))[3000:]
    known = [(n, f) for n, f in enumerate(found) if f != NOBODY]
    assert 900 <= len(known) <= 1024
    assert all(f[0] == f"10.{n >> 8}.{n & 255}.1" for n, f in known)
