"""`sekisho check`: what will lose lines, from the settings of logrotate, auditd and journald."""
import os
import subprocess
import time

import pytest

from conftest import SEKISHO, access_line


class Host:
    """A host's files below a folder."""

    def __init__(self, root):
        self.root = root / "host"
        self.config = root / "c.yaml"
        self.inputs("/var/log/nginx/*.log", "combined")
        self.put("var/log/nginx/access.log", access_line(1))

    def inputs(self, files, parser, more=""):
        self.config.write_text(f"inputs:\n  - files: ['{files}']\n    parser: {parser}\n{more}")

    def put(self, path, text, age_s=0):
        to = self.root / path
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(text)
        os.utime(to, (time.time() - age_s,) * 2)

    def rotate(self, settings, pattern="/var/log/nginx/*.log"):
        self.put("etc/logrotate.d/nginx", f"{pattern} {{\n{settings}\n}}\n")

    def check(self):
        (self.root.parent / "rules").mkdir(exist_ok=True)
        p = subprocess.run(
            [SEKISHO, "check", "-c", str(self.config), "--root", str(self.root)],
            capture_output=True, text=True, timeout=60, cwd=self.root.parent,
        )
        assert p.returncode == 0 and ": ok: " in p.stdout, p.stderr
        return [line for line in p.stderr.splitlines() if "no rules in" not in line]


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


FINE = "daily\nrotate 14\ncompress\ndelaycompress\ncreate 0640 www-data adm\npostrotate\n  kill copytruncate\nendscript"


def test_what_loses_nothing_is_not_warned_of(host):
    host.rotate(FINE)
    assert host.check() == []


@pytest.mark.parametrize(
    "settings, line, words",
    [
        ("daily\nrotate 3\ncopytruncate", 4, "copytruncate loses the lines written between copy and truncation"),
        ("daily\nrotate 3\ncreate\ncompress", 5, "compress without delaycompress"),
        ("daily\nrotate 3", 1, "neither create nor postrotate"),
        ("daily\ncreate\nrotate 0", 4, "deleted at once"),
        ("daily\ncreate", 1, "deleted at once"),
        ("daily\nrotate 3\ncreate\nolddir /var/old", 5, "olddir"),
        ("daily\nrotate 3\ncreate\nextension .log", 5, "extension"),
    ],
)
def test_each_setting_that_loses_lines_is_named_with_its_place(host, settings, line, words):
    host.rotate(settings)
    said = host.check()
    assert len(said) == 1 and words in said[0], said
    assert said[0].startswith(f"{host.root}/etc/logrotate.d/nginx:{line}:")


def test_globals_includes_quotes_and_several_paths(host):
    host.put("etc/logrotate.conf", "weekly\nrotate 4\ncreate\ncopytruncate\ninclude /etc/logrotate.d\n")
    host.put("etc/logrotate.d/a", '/var/log/x.log\n"/var/log/nginx/access.log"\n{\n  nocopytruncate\n}\n')
    host.put("etc/logrotate.d/a.dpkg-old", "/var/log/nginx/*.log { \n copytruncate\n}\n")
    assert host.check() == []
    host.put("etc/logrotate.d/a", "/var/log/x.log /var/log/nginx/*.log {\n  missingok\n}\n")
    said = host.check()
    assert len(said) == 1 and said[0].startswith(f"{host.root}/etc/logrotate.conf:4:1: warning: "), said


def test_logs_of_nobody_here_are_not_looked_at(host):
    host.rotate("copytruncate", "/var/log/other/*.log")
    assert host.check() == []


def test_rotation_by_size_is_measured_at_todays_rate(host):
    began = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(time.time() - 100))
    line = f'203.0.113.7 - - [{began}] "GET / HTTP/1.1" 200 1 "-" "x"\n'
    host.put("var/log/nginx/access.log", (line * 20000)[: 1024 * 1024 - 1] + "\n")  # 1 MiB in 100 s
    host.rotate("size 1M\nrotate 3\ncreate")
    said = host.check()
    assert len(said) == 1 and "access.log rotates away in 5 min at today's rate" in said[0], said
    host.rotate("size 1G\nrotate 3\ncreate")
    assert host.check() == []


def audit_lines(host, seconds, kib):
    line = f"type=SYSCALL msg=audit({time.time() - seconds:.3f}:1): arch=c000003e syscall=59\n"
    host.put("var/log/audit/audit.log", (line * (kib * 1024 // len(line) + 1))[: kib * 1024 - 1] + "\n")


def test_auditd_rotates_away_in_minutes(host):
    host.inputs("/var/log/audit/audit.log", "auditd")
    audit_lines(host, 48, 8 * 1024)
    host.put("etc/audit/auditd.conf", "log_format = ENRICHED\nmax_log_file = 8\nnum_logs = 5\nmax_log_file_action = ROTATE\n")
    said = host.check()
    assert len(said) == 1 and "audit.log rotates away in 4 min at today's rate" in said[0], said
    assert said[0].startswith(f"{host.root}/etc/audit/auditd.conf:2:1: warning: ")
    audit_lines(host, 86400, 8 * 1024)
    assert host.check() == []


@pytest.mark.parametrize(
    "conf, words",
    [
        ("log_format = RAW\n", "log_format is not ENRICHED"),
        ("num_logs = 4\n", "log_format is not ENRICHED"),
        ("log_format = ENRICHED\nmax_log_file_action = SUSPEND\n", "stops writing"),
        ("log_format = ENRICHED\nmax_log_file_action = keep_logs\n", "never removed"),
        ("log_format = ENRICHED\nnum_logs = 1\n", "never rotated"),
    ],
)
def test_auditd_settings(host, conf, words):
    host.inputs("/var/log/audit/audit.log", "auditd")
    host.put("etc/audit/auditd.conf", conf)
    host.put("var/log/audit/audit.log", "type=SYSCALL msg=audit(1.000:1): arch=c000003e\n")
    said = host.check()
    assert len(said) == 1 and words in said[0], said
    host.inputs("/var/log/audit/other.log", "auditd")
    host.put("var/log/audit/other.log", "")
    assert host.check() == []
