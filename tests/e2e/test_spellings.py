"""Attacks in all the spellings that tools make of them, by the product of their parts: nearly every one is found."""
import itertools
import json
import subprocess
from urllib.parse import quote

from conftest import ROOT, SEKISHO

DOTS = (
    ".. .%00. ..%00 ..%01 .? ?? ?. %5C.. .%2e %2e. .../. ..../ %2e%2e %%c0%6e%c0%6e 0x2e0x2e %c0.%c0. %252e%252e %c0%2e%c0%2e %c0%ae%c0%ae "
    "%c0%5e%c0%5e %c0%ee%c0%ee %c0%fe%c0%fe %uff0e%uff0e %%32%%65%%32%%65 %e0%80%ae%e0%80%ae %25c0%25ae%25c0%25ae %f0%80%80%ae%f0%80%80%ae "
    "%f8%80%80%80%ae%f8%80%80%80%ae %fc%80%80%80%80%ae%fc%80%80%80%80%ae"
).split()
SLASHES = (
    "/ \\x5C %2f %5c 0x2f 0x5c %252f %255c %c0%2f %c0%af %c0%5c %c1%9c %c1%af %c1%8s %bg%qf %u2215 %u2216 %uEFC8 %uF025 %%32%%66 %%35%%63 "
    "%e0%80%af %25c1%259c %25c0%25af %f0%80%80%af %f8%80%80%80%af"
).split()
TAGS = "a abbr audio bdi body br button custom details dialog form frameset iframe img input ins main marquee object svg table tbody th time tr video xss".split()
EVENTS = (
    "abort afterprint animationend auxclick beforecopy beforetoggle begin blur cancel canplay change click close command contentvisibilityautostatechange "
    "contextmenu cuechange dblclick drag durationchange end error finish focus focusin formdata fullscreenchange hashchange input invalid keydown load "
    "loadeddata message mouseenter mouseover mousewheel pagehide paste pause play pointerdown pointerrawupdate popstate progress ratechange repeat reset "
    "resize scroll scrollend search securitypolicyviolation seeked select selectionchange show start submit suspend timeupdate toggle touchstart "
    "transitionrun unhandledrejection unload volumechange webkitanimationend wheel"
).split()


def missed(tmp_path, targets):
    log = tmp_path / "a.log"
    log.write_text("".join(f'203.0.113.7 - - [12/Mar/2026:10:15:42 +0000] "GET {t} HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"\n' for t in targets))
    out = subprocess.run([SEKISHO, "scan", "--parser", "combined", "--rules", str(ROOT / "rules"), str(log)], capture_output=True, text=True, timeout=120).stdout
    events = [o for o in map(json.loads, out.splitlines()) if o["kind"] == "event"]
    found = {o["line"] for o in events if any(d["rule"].startswith("web.") for d in o["detections"])}
    return [t for i, t in enumerate(targets, 1) if i not in found]


def test_steps_up(tmp_path):
    """As dotdotpwn has them: dots, a separator, four times, and a file or none."""
    files = ["etc/passwd", "etc/issue", "boot.ini", "windows/system32/drivers/etc/hosts", ""]
    targets = [begin + (dots + slash) * 4 + name.replace("/", slash) for dots, slash, name, begin in itertools.product(DOTS, SLASHES, files, ["/", "/x?file="])]
    left = missed(tmp_path, targets)
    assert len(left) <= len(targets) // 100, left[:20]


def test_event_handlers(tmp_path):
    forms = ["<{tag} on{event}=alert(1)>", '"><{tag} id=x tabindex=1 on{event}="print()">x</{tag}>', "'/><{tag}/on{event}=confirm`1`//"]
    targets = [
        "/x?v=" + quote(forms[(i + k) % 3].format(tag=TAGS[(7 * i + k) % len(TAGS)], event=event), safe="") for i, event in enumerate(EVENTS) for k in range(3)
    ]
    assert missed(tmp_path, targets) == []


def test_what_looks_like_them_is_left_alone(tmp_path):
    targets = [
        "/etc/notice", "/x?file=/etc/privacy.html", "/x?q=really??", "/x?q=1..10", "/x?t=12%22%20x%205%22", "/x?n=%c0%ce%b1%e2%20%c0%cc",
        "/x?q=rock%27n%27roll", "/x?path=./a/b", "/x?q=one;%20service%20was%20good", "/x?q=net%20price", "/x?sort=id", "/x?ratio=16:9", "/x?q=what?.%20no",
    ]
    assert missed(tmp_path, targets) == targets
