"""Sigma rules on audit records: per record for auditd, derived events for processes, files and connections."""
import json
import random

from test_commands import sekisho

HEAD = """title: {name}
name: {name}
id: 7b0fbb2b-8f1b-4f6f-9a43-0000000000{n:02}
level: high
logsource: {{product: linux, {source}}}
detection:
{detection}
---
"""
RULES = [
    ("a.args", "service: auditd", "  s: {type: EXECVE, a0: cat, a1: /etc/shadow}\n  condition: s"),
    ("a.inherit", "service: auditd", "  s: {type: EXECVE, exe|endswith: /cat}\n  condition: s"),
    ("a.two-records", "service: auditd", "  s: {type: PATH, cwd: /root}\n  condition: s"),
    ("a.not", "service: auditd", "  s: {type: EXECVE}\n  n: {a0: cat}\n  condition: s and not n"),
    ("a.null", "service: auditd", "  s: {type: EXECVE, a2: null, a0|startswith: wh}\n  condition: s"),
    ("a.syscall", "service: auditd", "  s: {type: SYSCALL, SYSCALL: openat, key: watch}\n  condition: s"),
    ("a.words", "service: auditd", "  k: ['bash -i >&']\n  condition: k"),
    ("p.parent", "category: process_creation",
     "  s: {ParentImage|endswith: /nginx, ParentCommandLine|contains: daemon, Image|endswith: /whoami,"
     " User: www-data, CurrentDirectory: /var/www}\n  condition: s"),
    ("f.cron", "category: file_event", "  s: {TargetFilename|startswith: /etc/cron.d/}\n  condition: s"),
    ("n.shell", "category: network_connection",
     "  s: {Image|endswith: /bash, DestinationIp: 203.0.113.9, DestinationPort: 4444, Initiated: 'true'}\n  condition: s"),
]


def serial(n, *records, t=1795413600):
    return "".join(f"type={r.split(' ', 1)[0]} msg=audit({t + n}.100:{n}): {r.split(' ', 1)[1]}\n" for r in records)


def call(pid, ppid, exe, number=59, more=""):
    return (f'SYSCALL arch=c000003e syscall={number} success=yes exit=0 a0=ffffff9c a1=7f a2=241 ppid={ppid} pid={pid} '
            f'uid=33 comm="x" exe="{exe}" {more}')


def hexed(s):
    return s.encode().hex().upper()


EVENTS = [
    ([call(60, 1, "/usr/sbin/nginx"), f'EXECVE argc=3 a0="nginx" a1="-g" a2={hexed("daemon on;")}'], {"a.not"}),
    ([call(61, 60, "/usr/bin/whoami", more='key="k"\x1dSYSCALL=execve UID="www-data"'), 'EXECVE argc=1 a0="whoami"',
      'CWD cwd="/var/www"'], {"p.parent", "a.not", "a.null"}),
    ([call(62, 1, "/usr/bin/whoami", more='\x1dUID="www-data"'), 'EXECVE argc=2 a0="whoami" a1="x" a2="y"'], {"a.not"}),
    ([call(63, 1, "/usr/bin/cat"), f'EXECVE argc=2 a0="cat" a1={hexed("/etc/shadow")}'], {"a.args", "a.inherit"}),
    ([call(64, 1, "/usr/bin/x"), 'EXECVE argc=3 a0="x" a1="cat" a2="/etc/shadow"'], {"a.not"}),
    ([call(65, 1, "/usr/bin/x"), 'CWD cwd="/root"', 'PATH item=0 name="y" nametype=NORMAL'], set()),
    ([call(66, 1, "/usr/bin/vi", 257, 'key="watch"'), 'CWD cwd="/etc/cron.d"', 'PATH item=0 name="." nametype=PARENT',
      'PATH item=1 name="job" nametype=CREATE'], {"f.cron", "a.syscall"}),
    ([call(67, 1, "/usr/bin/rm", 87), 'CWD cwd="/etc/cron.d"', 'PATH item=1 name="job" nametype=DELETE'], set()),
    ([call(68, 1, "/usr/bin/mv", 82), 'CWD cwd="/etc/cron.d"', 'PATH item=2 name="old" nametype=DELETE',
      'PATH item=3 name="job" nametype=CREATE'], {"f.cron"}),
    ([call(69, 1, "/bin/bash", 42).replace("success=yes exit=0", "success=no exit=-115"),
      "SOCKADDR saddr=0200115CCB0071090000000000000000"], {"n.shell"}),
    ([call(70, 1, "/bin/bash", 43), "SOCKADDR saddr=0200115CCB0071090000000000000000"], set()),
    ([call(71, 1, "/usr/bin/x"), f'EXECVE argc=3 a0="bash" a1="-c" a2_len=40 a2[0]={hexed("bash -i")}',
      f'EXECVE a2[1]={hexed(" >& /dev/null")}'], {"a.not", "a.words"}),
    ([call(72, 60, "/usr/bin/whoami", more='\x1dUID="www-data"').replace("success=yes", "success=no"),
      'CWD cwd="/var/www"'], set()),
    ([call(73, 1, "/usr/bin/x", more='type=EXECVE'), 'CWD cwd="/"'], set()),
]


def rules(tmp_path):
    folder = tmp_path / "r"
    folder.mkdir()
    text = "".join(HEAD.format(name=r[0], n=i, source=r[1], detection=r[2]) for i, r in enumerate(RULES))
    (folder / "r.yml").write_text(text.removesuffix("---\n"))
    return str(folder)


def found(args, log):
    p = sekisho("scan", "--all", "--parser", "auditd", *args, "-", stdin=log)
    assert p.returncode == 0, p.stderr
    rows = [json.loads(line) for line in p.stdout.splitlines()]
    return [{d["rule"] for d in r.get("detections", [])} for r in rows if r["kind"] == "event"], p.stdout


def test_records_processes_files_and_connections(tmp_path):
    folder = rules(tmp_path)
    log = "".join(serial(i + 1, *records) for i, (records, _) in enumerate(EVENTS))
    rows, out = found(["--rules", folder], log)
    assert rows == [want for _, want in EVENTS]
    assert out == found(["--rules", folder, "--reference"], log)[1]


def test_filters_find_what_trying_every_rule_finds(tmp_path):
    folder = rules(tmp_path)
    pick = random.Random(7)
    words = ["cat", "whoami", "nginx", "/etc/shadow", "bash -i >& x", "/root", "watch", "wh", "daemon"]

    def value(v):
        return f'"{v}"' if pick.random() < 0.5 and " " not in v else hexed(v)

    def some(n):
        k = pick.randrange(4)
        args = " ".join(f"a{i}={value(pick.choice(words))}" for i in range(pick.randrange(1, 4)))
        records = [call(pick.randrange(60, 66), pick.randrange(60, 66), "/usr/bin/" + pick.choice(["cat", "whoami"]),
                        pick.choice([59, 257, 42]), f'key={value(pick.choice(words))}')]
        records += [f"EXECVE argc=3 {args}"] * (k < 2) + [f"CWD cwd={value(pick.choice(words))}"] * (k != 2)
        records += [f"PATH item=0 name={value(pick.choice(words))} nametype=CREATE"] * (k == 3)
        return serial(n, *records)

    log = "".join(some(n) for n in range(1, 1500))
    fast = found(["--rules", folder], log)
    assert fast[1] == found(["--rules", folder, "--reference"], log)[1]
    assert {"a.args", "a.inherit", "a.not", "a.words", "a.syscall"} <= set().union(*fast[0])


def test_an_example_may_be_given_by_the_names_of_the_rule(tmp_path):
    (tmp_path / "r.yml").write_text(HEAD.format(name="p.nc", n=1, source="category: process_creation", detection=(
        "  s: {Image|endswith: /nc, ParentImage|endswith: /bash}\n  condition: s")).removesuffix("---\n") + """tests:
  match: [{Image: /bin/nc, ParentImage: /bin/bash}]
  ignore: [{Image: /bin/nc}, {ParentImage: /bin/bash}]
""")
    (tmp_path / "q.yml").write_text(HEAD.format(name="a.nc", n=2, source="service: auditd", detection=(
        "  s: {type: EXECVE, a0|endswith: nc}\n  condition: s")).removesuffix("---\n") + """tests:
  match: [{type: EXECVE, a0: nc}]
  ignore: [{type: SYSCALL, a0: nc}]
""")
    p = sekisho("rules", "test", "--rules", str(tmp_path))
    assert p.returncode == 0 and "5 passed, 0 failed" in p.stdout, p.stdout + p.stderr
