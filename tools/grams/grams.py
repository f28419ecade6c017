#!/usr/bin/env python3
"""Write match/grams_data.inc: how often bytes follow each other in honest text.

Usage: grams.py > match/grams_data.inc

The text is made here, from a fixed seed, so that the table can be made again anywhere
and holds nothing of anybody's traffic. It only has to look like web and system logs as
the engine sees them: percent-decoded as well as written, in mixed case. A wrong count
costs speed, never a match.

The alphabet is that of match/grams.c: 0 end of text, 1 other control bytes, 2 bytes from
0x80, then the printable bytes with A-Z folded to a-z. A cell is -8 * log2(probability).
"""
import base64
import collections
import json
import math
import random
import urllib.parse

R = random.Random(20240229)
pick = R.choice

WORDS = """the and for with from order report account summer product blue widget season travel kitchen
garden update family photo music history world office winter jacket size color green camera phone cover
leather review price shipping express basket checkout login profile setting language system image table
concert union select house water school people story market street city health sport news video game
player team league club event ticket hotel flight rental insurance credit bank card payment invoice
address customer service support contact help search result page index home about privacy cookie policy
terms consent user users admin editor document download upload file folder script style theme static
public media assets vendor build release version update install package module plugin widget api rest
graphql session token refresh callback redirect return continue source medium campaign content keyword
banner click impression pixel track beacon collect analytics segment audience target delete create insert
where like join group having limit offset sort filter category brand model year month week day hour
january february march april june july august september october november december monday friday sunday
shirt shoes dress trousers watch bracelet necklace perfume sofa lamp chair desk shelf mirror carpet
recipe chicken tomato cheese bread coffee chocolate orange apple banana cream butter sugar salt pepper
running cycling hiking swimming football tennis basketball guitar piano drums violin wireless bluetooth
keyboard monitor laptop tablet charger cable adapter battery speaker headphones printer scanner sleep
benchmark echo cat shell command process kernel driver network server client cluster node docker compose
python java javascript typescript golang rust ruby perl php linux windows android iphone chrome firefox
safari edge opera mobile desktop error warning failed success status state value values name names type
types list item items detail details view views edit remove add new old first last next previous best
cheap free sale offer deal discount coupon gift voucher delivery pickup store shop online local german
french spanish italian english madrid paris london berlin vienna zurich rome lisbon prague warsaw""".split()
PATHS = """api v1 v2 v3 static js css img images assets dist build fonts media uploads wp-content themes
plugins wp-includes wp-json node_modules blog news shop product products category categories p c s item
items cart checkout account login logout signin oauth2 authorize token users user profile settings admin
search tag tags feed rss sitemap docs help faq about contact en de fr es en-us de-de graphql rpc ws
socket.io _next data manifest public files download downloads attachments thumbs thumbnail resize crop
collect g j r b tr px pixel pagead ads adserver sync match idsync event events track beacon log telemetry
2021 2022 2023 2024 2025 01 02 06 07 11 12 report reports export dashboard metrics health status""".split()
EXT = ["", "", "", "", ".html", ".js", ".min.js", ".css", ".png", ".jpg", ".webp", ".svg", ".json", ".woff2",
       ".php", ".gif", ".ico", ".xml", ".pdf", ".mp4", ".aspx", ".txt", ".map"]
KEYS = """q page id v ver t ts _ s k key lang locale ref source utm_source utm_medium utm_campaign utm_term
utm_content sort order filter filters limit offset size color price_min price_max category cat brand tag
type token session sid uid user_id cid tid gclid fbclid msclkid _ga _gl dl dt dr ul sr vp en ep.path
callback cb fields include embed format w h width height quality fit url u to next return_to redirect_uri
client_id response_type scope state nonce code grant from to start end date year month tz gdpr
gdpr_consent us_privacy referrer title label action event name value data payload query variables
operationName extensions hash signature expires key-pair-id x-amz-date x-amz-signature bidder pbjs
items[0][id] items[] ids[] variant opts search term keyword p n b r e i z x y c d f g m o a l""".split()
UA = """Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{c}.0.0.0 Safari/537.36
Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{c}.0.0.0 Safari/537.36 Edg/{c}.0.{d}.{e}
Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{c}.0.0.0 Safari/537.36 OPR/{b}.0.0.0
Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko
Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:{c}.0) Gecko/20100101 Firefox/{c}.0
Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:{c}.0) Gecko/20100101 Firefox/{c}.0
Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{c}.0.{d}.{e} Safari/537.36
Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{c}.0.0.0 Safari/537.36
Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.{a} Safari/605.1.15
Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{c}.0.0.0 Safari/537.36
Mozilla/5.0 (iPhone; CPU iPhone OS 17_{a}_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.{a} Mobile/15E148 Safari/604.1
Mozilla/5.0 (iPhone; CPU iPhone OS 16_{a} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/{c}.0.{d}.{e} Mobile/15E148 Safari/604.1
Mozilla/5.0 (iPhone; CPU iPhone OS 17_{a} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) GSA/323.0.6 Mobile/15E148 Safari/604.1
Mozilla/5.0 (iPad; CPU OS 16_{a} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 [FBAN/FBIOS;FBAV/471.0.0.{e};FBBV/6{d};FBDV/iPad13,4;FBMD/iPad;FBSN/iPadOS;FBSV/16.{a};FBSS/2;FBLC/de_DE]
Mozilla/5.0 (Linux; Android 14; SM-S91{a}B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{c}.0.{d}.{e} Mobile Safari/537.36
Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/2{a}.0 Chrome/{c}.0.0.0 Mobile Safari/537.36
Mozilla/5.0 (Linux; Android 13; Pixel {a} Build/TQ3A.230805.001; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/{c}.0.{d}.{e} Mobile Safari/537.36 Instagram 31{a}.0.0.22.109 Android (33/13; 420dpi; 1080x2274)
Mozilla/5.0 (Linux; Android 12; Redmi Note 9 Pro) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{c}.0.{d}.{e} Mobile Safari/537.36
Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)
Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)
Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; Googlebot/2.1; +http://www.google.com/bot.html) Chrome/{c}.0.{d}.{e} Safari/537.36
facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)
Shop/4.{a}.1 (iOS 17.{a}; iPhone15,3) CFNetwork/1496.0.7 Darwin/23.5.0
Dalvik/2.1.0 (Linux; U; Android 12; M2101K6G Build/SKQ1.210908.001)
kube-probe/1.2{a}
ELB-HealthChecker/2.0
Prometheus/2.4{a}.0
Amazon CloudFront
Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)
okhttp/4.{a}.0
Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0; .NET CLR 2.0.50727)""".split("\n")
HOSTS = ["www.example.com", "shop.example.org", "cdn.example.net", "news.example.co.uk", "example.de"]
PROGRAMS = ["sshd", "CRON", "systemd", "kernel", "sudo", "postfix/smtpd", "dovecot", "named", "nginx", "dhclient",
            "NetworkManager", "systemd-logind", "dockerd", "kubelet", "rsyslogd", "su", "httpd", "mysqld"]


def hexs(n):
    return "%0*x" % (n, R.getrandbits(4 * n))


def token(n):
    return base64.urlsafe_b64encode(R.randbytes(n)).decode().rstrip("=")


def phrase():
    text = " ".join(pick(WORDS) for _ in range(R.randint(1, 7)))
    return pick([text, text.title(), text.capitalize() + pick([".", "", "!", "?"]), text.replace(" ", "-"),
                 text.title() + pick([" | ", " - ", " – ", ": "]) + pick(WORDS).title(), text + " & " + pick(WORDS),
                 text.title().replace("e ", "é "), pick(WORDS).title() + "'s " + text, '"' + text + '"',
                 text + " (" + pick(WORDS) + ")", text.replace(" ", ", "), str(R.randint(2, 99)) + "% " + text])


def path():
    parts = [pick(PATHS) for _ in range(R.randint(0, 3))]
    last = pick([pick(WORDS), "-".join(pick(WORDS) for _ in range(R.randint(2, 6))), hexs(8), token(9),
                 pick(WORDS) + "." + hexs(8), str(R.randint(1, 10 ** R.randint(1, 9))), hexs(8) + "-" + hexs(4)])
    return "/" + "".join(p + "/" for p in parts) + pick([last, last, last, ""]) + pick(EXT)


def url():
    return pick(["https://", "https://", "http://", "//"]) + pick(HOSTS) + path() + \
        pick(["", "", "?" + pick(KEYS) + "=" + pick(WORDS)])


def jsons():
    o = {pick(WORDS): pick([phrase(), R.randint(0, 99999), True, None, [pick(WORDS), R.random()], {}])
         for _ in range(R.randint(1, 5))}
    return json.dumps(o, separators=pick([(",", ":"), (", ", ": ")]), ensure_ascii=False)


def value():
    kind = R.randrange(22)
    if kind < 4:
        return pick(WORDS)
    if kind < 7:
        return str(R.randint(0, 10 ** R.randint(1, 13)))
    if kind < 10:
        return phrase()
    if kind == 10:
        return "query %s($id: ID!) { %s(id: $id) { %s } }" % (pick(WORDS), pick(WORDS), " ".join(R.sample(WORDS, 4)))
    if kind == 11:
        return jsons()
    return [lambda: url(), lambda: token(R.randint(8, 60)), lambda: hexs(pick([8, 16, 32, 64])),
            lambda: "%s-%s-4%s-%s-%s" % (hexs(8), hexs(4), hexs(3), hexs(4), hexs(12)),
            lambda: "%d.%d" % (R.randrange(10), R.randrange(10 ** 9)), lambda: "en-us", lambda: "",
            lambda: "%dx%d" % (R.randint(300, 3000), R.randint(300, 2000)), lambda: path(),
            lambda: "2025-%02d-%02dT%02d:%02d:00.000Z" % (R.randint(1, 12), R.randint(1, 28), R.randrange(24),
                                                        R.randrange(60))][kind - 12]()


def query():
    pairs = [(pick(KEYS), value()) for _ in range(R.randint(1, 9))]
    if R.random() < 0.5:
        return "&".join(k + "=" + urllib.parse.quote(v, safe=pick(["", "/", "/:,()"])) for k, v in pairs)
    return "&".join(k + "=" + v for k, v in pairs)


def agent():
    return pick(UA).format(a=R.randrange(10), b=R.randint(80, 110), c=R.randint(90, 131), d=R.randint(1000, 6900),
                           e=R.randint(10, 200))


def address():
    return ".".join(str(R.randrange(256)) for _ in range(4))


def access():
    q = pick(["", "", "?" + query()])
    return '%s - %s [%02d/%s/2025:%02d:%02d:%02d +0000] "%s %s HTTP/%s" %s %d "%s" "%s"' % (
        address(), pick(["-", "-", "-", pick(WORDS)]), R.randint(1, 28), pick(["Jan", "Jul", "Oct"]), R.randrange(24),
        R.randrange(60), R.randrange(60), pick(["GET", "GET", "GET", "POST", "HEAD"]), path() + q,
        pick(["1.1", "2.0"]), pick(["200", "200", "200", "304", "302", "404", "206"]), R.randrange(99999),
        pick(["-", url()]), agent())


def message():
    user, port, ip = pick(["root", "deploy", "alice", "bob", "www-data", "backup"]), R.randint(1024, 65535), address()
    return pick([
        "Accepted publickey for %s from %s port %d ssh2: RSA SHA256:%s" % (user, ip, port, token(32)),
        "Failed password for %s from %s port %d ssh2" % (user, ip, port),
        "Failed password for invalid user %s from %s port %d ssh2" % (pick(WORDS), ip, port),
        "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=%s  user=%s" % (ip, user),
        "pam_unix(cron:session): session opened for user %s(uid=0) by (uid=0)" % user,
        "pam_unix(cron:session): session closed for user %s" % user,
        "Connection closed by %s port %d [preauth]" % (ip, port),
        "Received disconnect from %s port %d:11: disconnected by user" % (ip, port),
        "Disconnected from user %s %s port %d" % (user, ip, port),
        "(%s) CMD (cd / && run-parts --report /etc/cron.hourly)" % user,
        "(%s) CMD (/usr/lib/php/sessionclean >/dev/null 2>&1)" % user,
        "%s : TTY=pts/%d ; PWD=/home/%s ; USER=root ; COMMAND=/usr/bin/apt update" % (user, R.randrange(9), user),
        "Started Session %d of User %s." % (R.randrange(9999), user),
        "Starting %s Service..." % phrase(), "Stopped %s." % phrase(), "%s.service: Succeeded." % pick(WORDS),
        "[%d.%06d] usb %d-1: new high-speed USB device number %d using xhci_hcd" % (port, port, port % 9, port % 7),
        "IN=eth0 OUT= MAC=%s SRC=%s DST=%s LEN=60 TOS=0x00 PREC=0x00 TTL=51 ID=%d DF PROTO=TCP SPT=%d DPT=22 "
        "WINDOW=29200 RES=0x00 SYN URGP=0" % (":".join(hexs(2) for _ in range(14)), ip, address(), port, port),
        "%s: client=unknown[%s]" % (hexs(10).upper(), ip), "connect from unknown[%s]" % ip,
        "%s: to=<%s@example.com>, relay=mail.example.com[%s]:25, delay=0.%d, dsn=2.0.0, status=sent (250 2.0.0 OK)" % (
            hexs(10).upper(), user, ip, port),
        'level=%s msg="%s" component=%s err="%s"' % (pick(["info", "warn", "error"]), phrase(), pick(WORDS), phrase()),
        'type=SYSCALL msg=audit(17%d.123:%d): arch=c000003e syscall=59 success=yes exit=0 a0=%s items=2 ppid=%d '
        'pid=%d auid=1000 uid=0 comm="%s" exe="/usr/bin/%s" key=(null)' % (port, port, hexs(12), port, port, pick(WORDS),
                                                                         pick(WORDS)),
        "[error] %d#%d: *%d open() \"/var/www/html%s\" failed (2: No such file or directory), client: %s, server: "
        "%s, request: \"GET %s HTTP/1.1\"" % (port, port, port, path(), ip, pick(HOSTS), path()),
        "[client %s:%d] AH01630: client denied by server configuration: /var/www%s" % (ip, port, path()),
        "2025-07-%02d 12:%02d:%02d,%03d INFO  [main] com.example.%s.%s - %s" % (port % 28, port % 60, port % 60, port % 999,
                                                                              pick(WORDS), pick(WORDS).title(), phrase()),
        jsons(), phrase(), "memory usage %d%%, swap %d kB, load %d.%02d" % (port % 100, port, port % 9, port % 100)])


def syslog():
    return "%s %2d %02d:%02d:%02d %s %s[%d]: %s" % (pick(["Jan", "Jun", "Jul", "Dec"]), R.randint(1, 28), R.randrange(24),
        R.randrange(60), R.randrange(60), pick(["combo", "web-1", "ip-10-0-3-17", "db2"]), pick(PROGRAMS),
        R.randrange(30000), message())


SYMBOLS = [c for c in range(32, 127) if not 65 <= c <= 90]
COUNT = 3 + len(SYMBOLS)
OFTEN = 3000


def symbol(b):
    if b == 10:
        return 0
    if b < 32 or b == 127:
        return 1
    if b > 127:
        return 2
    return 3 + SYMBOLS.index(b + 32 if 65 <= b <= 90 else b)


INDEX = [symbol(b) for b in range(256)]


def cell(p):
    return min(255, round(-8 * math.log2(p)))


def table(name, lines):
    uni = [0.5] * COUNT
    pair = [[0.0] * COUNT for _ in range(COUNT)]
    triple = collections.Counter()
    for line in lines:
        seq = [0] + [INDEX[b] for b in line.encode()] + [0]
        for a, b in zip(seq, seq[1:]):
            uni[b] += 1
            pair[a][b] += 1
        triple.update(zip(seq, seq[1:], seq[2:]))
    total = sum(uni)
    print("/* %s: %d bytes of text */\n{" % (name, int(total)))
    row = [cell(u / total) for u in uni]
    print("\t{ %s },\n\t{" % ", ".join(map(str, row)))
    for a in range(COUNT):
        # Pairs that were not seen get the share of four sightings that their second byte has.
        n = sum(pair[a]) + 4
        row = [cell((pair[a][b] + 4 * uni[b] / total) / n) for b in range(COUNT)]
        print("\t\t{ %s }," % ", ".join(map(str, row)))
    # The most frequent rows of three, by value: (first * COUNT + second) * COUNT + third, then the cell.
    print("\t},\n\t{")
    often = sorted((((a * COUNT + b) * COUNT + c) << 8) + cell(n / total)
                   for (a, b, c), n in triple.most_common(OFTEN))
    often += [2 ** 32 - 1] * (OFTEN - len(often))  # no row has that value
    for i in range(0, OFTEN, 10):
        print("\t\t" + ", ".join("%du" % v for v in often[i:i + 10]) + ",")
    print("\t},\n},")


def main():
    print("/* Written by tools/grams/grams.py; see there. */")
    table("url", [pick([path, query, query])() for _ in range(40000)])
    table("agent", [agent() for _ in range(12000)])
    table("text", [pick([access, syslog, syslog, message, phrase])() for _ in range(30000)])
    table("param", [pick([value, value, lambda: urllib.parse.quote(value(), safe=pick(["", "/:,()"])),
                          lambda: pick(KEYS)])() for _ in range(60000)])
    table("referer", [pick(["https://", "http://"]) + pick(HOSTS) + path() + pick(["", "", "?" + query()])
                      for _ in range(30000)])


main()
