"""Google, as far as Sekisho's sinks see it: tokens whose proofs are checked, Pub/Sub publish, BigQuery insertAll,
Cloud Logging's entries.write, and the instance metadata of AWS. Refuses what the real ones refuse; goes wrong on demand."""
import base64
import gzip
import hashlib
import hmac
import json
import re
import subprocess
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from conftest import SEKISHO

AWS_ID, AWS_SECRET, AWS_TOKEN = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "TOKEN+/="
GRANT = "https://www.googleapis.com/auth/cloud-platform"


def columns():
    """Of every table, from the program's own DDL."""
    ddl = subprocess.run([SEKISHO, "schema", "sqlite"], capture_output=True, text=True, check=True).stdout
    tables = {}
    for name, text in re.findall(r"CREATE TABLE IF NOT EXISTS (\w+?)(?:_raw)? \((.*?)\n\)", ddl, re.S):
        tables[name] = re.findall(r'^\s+"(\w+)" ', text, re.M)
    return tables


class Google:
    def __init__(self, folder, columns):
        self.folder = folder
        self.columns = columns  # table -> names of its columns
        self.messages = {}  # topic -> list of rows
        self.entries = {}  # log -> list of entries, each with its resource, as often as it was written
        self.refuse = {}  # bytes in an entry -> (code of google.rpc.Code, message) that it is refused with
        self.no_instance = False
        self.tables = {}  # table -> list of (insertId, row)
        self.tokens = {}  # token -> what it was given for
        self.token_requests = 0
        self.requests = []
        self.faults = []  # (word in the path, what), each used once
        self.always = {}  # word in the path -> what
        self.need_token = False
        self.poison = None  # rows with these bytes are bad
        self.unknown_fields = []
        self.may_publish = set()
        self.lock = threading.Lock()
        self.together = None  # a threading.Barrier: requests of data are answered when so many are there
        self.key = folder / "key.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", str(self.key)], check=True, capture_output=True)
        subprocess.run(["openssl", "pkey", "-in", str(self.key), "-pubout", "-out", str(folder / "pub.pem")], check=True, capture_output=True)
        self.server = None
        self.port = 0

    def start(self):
        google = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                google.handle(self)

            do_POST = do_PUT = do_GET

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    # ---- replies ----

    def reply(self, h, status, body, headers=()):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        h.send_response(status)
        for name, value in headers:
            h.send_header(name, value)
        h.send_header("Content-Length", str(len(data)))
        h.end_headers()
        h.wfile.write(data)

    def error(self, h, code, status, message="no", headers=(), details=()):
        error = {"code": code, "message": message, "status": status, **({"details": details} if details else {})}
        self.reply(h, code, {"error": error}, headers)

    def fault(self, path):
        with self.lock:
            for i, (word, what) in enumerate(self.faults):
                if word in path:
                    return self.faults.pop(i)[1]
        for word, what in self.always.items():
            if word in path:
                return what
        return None

    def handle(self, h):
        body = h.rfile.read(int(h.headers.get("Content-Length") or 0))
        path = urllib.parse.urlsplit(h.path).path
        with self.lock:
            self.requests.append((h.command, h.path))
        what = self.fault(path)
        if what == "drop":
            h.close_connection = True
            return
        if isinstance(what, tuple):
            self.error(h, *what)
            return
        if what == "garbage":
            self.reply(h, 502, b"<html>Bad gateway</html>")
            return
        try:
            if h.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            answer = self.route(h, path, body)
        except Refused as e:
            self.error(h, e.code, e.status, str(e), details=e.details)
            return
        if what == "lost":  # it took effect, and nobody hears of it
            h.close_connection = True
            return
        self.reply(h, 200, answer, [("Metadata-Flavor", "Google")] if path.startswith("/computeMetadata") else ())

    def route(self, h, path, body):
        if path == "/token":
            return self.token_by_key(body)
        if path == "/sts":
            return self.token_by_aws(body)
        if path.endswith(":generateAccessToken"):
            return self.impersonate(h, body)
        if path.startswith("/latest/"):
            return self.imds(h, path)
        if path.startswith("/computeMetadata/"):
            return self.grant("metadata")
        self.check_token(h)
        if self.together is not None:
            self.meet()
        if path.endswith(":testIamPermissions"):
            topic = path.split("/topics/")[1].split(":")[0]
            return {"permissions": json.loads(body)["permissions"]} if topic in self.may_publish else {}
        if path.endswith(":publish"):
            return self.publish(path, body)
        if path == "/v2/entries:write":
            return self.write_entries(body)
        if path.endswith("/insertAll"):
            return self.insert(path, body)
        raise Refused(404, "NOT_FOUND", path)

    def meet(self):
        try:
            self.together.wait(20)
        except threading.BrokenBarrierError as e:
            raise Refused(503, "UNAVAILABLE", "the others did not come") from e
        self.together = None

    # ---- tokens ----

    def grant(self, what):
        with self.lock:
            self.token_requests += 1
            token = f"token-{what}-{self.token_requests}"
            self.tokens[token] = what
        return {"access_token": token, "expires_in": 3600, "token_type": "Bearer"}

    def check_token(self, h):
        if not self.need_token:
            return
        scheme, _, token = (h.headers.get("Authorization") or "").partition(" ")
        if scheme != "Bearer" or token not in self.tokens:
            raise Refused(401, "UNAUTHENTICATED", "the token is not one of ours")

    def token_by_key(self, body):
        form = dict(urllib.parse.parse_qsl(body.decode(), strict_parsing=True))
        assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer", form
        head, claims, signature = form["assertion"].split(".")
        assert "=" not in form["assertion"]
        (self.folder / "sig").write_bytes(unpad(signature))
        (self.folder / "signed").write_text(f"{head}.{claims}")
        checked = subprocess.run(
            ["openssl", "dgst", "-sha256", "-verify", str(self.folder / "pub.pem"), "-signature", str(self.folder / "sig"), str(self.folder / "signed")],
            capture_output=True,
        )
        if checked.returncode != 0:
            raise Refused(400, "invalid_grant", "Invalid JWT signature")
        head, claims = json.loads(unpad(head)), json.loads(unpad(claims))
        now = time.time()
        assert head == {"alg": "RS256", "typ": "JWT", "kid": "key-1"}, head
        assert claims["iss"] == "agent@p.iam.gserviceaccount.com" and claims["aud"] == self.url + "/token", claims
        assert claims["scope"] == GRANT and abs(claims["iat"] - now) < 60 and claims["exp"] == claims["iat"] + 3600, claims
        return self.grant("key")

    def imds(self, h, path):
        if self.no_instance:
            raise Refused(404, "NOT_FOUND", path)
        if path == "/latest/api/token":
            assert h.command == "PUT" and 0 < int(h.headers["X-aws-ec2-metadata-token-ttl-seconds"]) <= 21600
            return b"imds-secret"
        if h.headers.get("X-aws-ec2-metadata-token") != "imds-secret":
            raise Refused(401, "UNAUTHENTICATED", "no token")
        if path.endswith("/instance-identity/document"):
            return {"accountId": "123456789012", "instanceId": "i-0abc", "availabilityZone": "ap-northeast-1a", "region": "ap-northeast-1"}
        if path.endswith("/availability-zone"):
            return b"ap-northeast-1a"
        if path.endswith("/security-credentials"):
            return b"web-role"
        if path.endswith("/web-role"):
            return {"Code": "Success", "AccessKeyId": AWS_ID, "SecretAccessKey": AWS_SECRET, "Token": AWS_TOKEN, "Expiration": "2099-01-01T00:00:00Z"}
        raise Refused(404, "NOT_FOUND", path)

    def token_by_aws(self, body):
        form = dict(urllib.parse.parse_qsl(body.decode(), strict_parsing=True))
        assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:token-exchange", form
        assert form["subject_token_type"] == "urn:ietf:params:aws:token-type:aws4_request", form
        proof = json.loads(urllib.parse.unquote(form["subject_token"]))
        headers = {x["key"].lower(): x["value"] for x in proof["headers"]}
        url = urllib.parse.urlsplit(proof["url"])
        assert proof["method"] == "POST" and url.netloc == headers["host"] == "sts.ap-northeast-1.amazonaws.com", proof
        assert headers["x-goog-cloud-target-resource"] == form["audience"], headers
        if sigv4(headers, url, AWS_SECRET) != headers["authorization"]:
            raise Refused(400, "invalid_grant", "the signature does not match")
        return {**self.grant("sts"), "issued_token_type": "urn:ietf:params:oauth:token-type:access_token"}

    def impersonate(self, h, body):
        token = h.headers["Authorization"].split()[1]
        assert self.tokens.get(token) == "sts" and json.loads(body)["scope"] == [GRANT]
        return {"accessToken": self.grant("impersonated")["access_token"], "expireTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))}

    # ---- data ----

    def check_row(self, table, row):
        extra = set(row) - set(self.columns[table])
        if extra:
            with self.lock:
                self.unknown_fields.append(extra)

    def publish(self, path, body):
        topic = path.split("/topics/")[1].split(":")[0]
        request = json.loads(body)
        if not 0 < len(request["messages"]) <= 1000:
            raise Refused(400, "INVALID_ARGUMENT", "The value for message_count is invalid")
        if len(body) > 10 * 1024 * 1024:
            raise Refused(400, "INVALID_ARGUMENT", "The value for request_size is too large")
        rows = [json.loads(base64.b64decode(m["data"], validate=True)) for m in request["messages"]]
        if self.poison and any(self.poison in json.dumps(r) for r in rows):
            raise Refused(400, "INVALID_ARGUMENT", "a message is malformed")
        for r in rows:
            self.check_row(topic.split("-", 1)[1], r)
        with self.lock:
            self.messages.setdefault(topic, []).extend(rows)
        return {"messageIds": [str(i) for i in range(len(rows))]}

    def insert(self, path, body):
        table = path.split("/tables/")[1].split("/")[0]
        request = json.loads(body)
        assert request["skipInvalidRows"] is True and 0 < len(request["rows"]) <= 50000
        errors = []
        for i, r in enumerate(request["rows"]):
            row = r["json"]
            assert len(r["insertId"]) <= 128
            for name in ("attributes", "detections"):
                assert name not in row or isinstance(json.loads(row[name]), (dict, list)), row[name]
            if self.poison and self.poison in json.dumps(row):
                errors.append({"index": i, "errors": [{"reason": "invalid", "location": "body", "message": "not this one"}]})
                continue
            self.check_row(table.removesuffix("_raw"), row)
            with self.lock:
                self.tables.setdefault(table, []).append((r["insertId"], row))
        return {"kind": "bigquery#tableDataInsertAllResponse", **({"insertErrors": errors} if errors else {})}

    def write_entries(self, body):
        """entries.write, v2: what is malformed fails the request; partialSuccess takes the others than those that are refused."""
        request = json.loads(body)
        unknown = set(request) - {"logName", "resource", "partialSuccess", "dryRun", "entries"}
        project, _, log = request["logName"].partition("/logs/")
        if unknown or len(body) > 10_000_000 or project != "projects/p" or not re.fullmatch(r"[A-Za-z0-9_.%-]{1,511}", log):
            raise Refused(400, "INVALID_ARGUMENT", f"the request is malformed: {unknown} {request['logName']}")
        labels = RESOURCES.get(request["resource"]["type"])
        if labels != set(request["resource"]["labels"]):
            raise Refused(400, "INVALID_ARGUMENT", f"the resource is malformed: {request['resource']}")
        errors = {}
        for i, entry in enumerate(request["entries"]):
            text = json.dumps(entry)
            check_entry(entry)
            refused = next((v for k, v in self.refuse.items() if k in text), None)
            if refused:
                errors[str(i)] = {"code": refused[0], "message": refused[1]}
            elif not request.get("dryRun"):
                with self.lock:
                    self.entries.setdefault(urllib.parse.unquote(log), []).append({**entry, "resource": request["resource"]})
        if errors:
            assert request["partialSuccess"] is True
            first = next(iter(errors.values()))
            status = (403, "PERMISSION_DENIED") if first["code"] == 7 else (400, "INVALID_ARGUMENT")
            kind = "type.googleapis.com/google.logging.v2.WriteLogEntriesPartialErrors"
            raise Refused(*status, f"{len(errors)} entries were not written", [{"@type": kind, "logEntryErrors": errors}])
        return {}

    def rows(self, topic):
        with self.lock:
            return list(self.messages.get(topic, []))


RESOURCES = {"aws_ec2_instance": {"instance_id", "region", "aws_account"}, "generic_node": {"location", "namespace", "node_id"}}
SEVERITIES = "DEFAULT DEBUG INFO NOTICE WARNING ERROR CRITICAL ALERT EMERGENCY".split()
HTTP_TEXT = {"requestMethod", "requestUrl", "requestSize", "responseSize", "userAgent", "remoteIp", "serverIp", "referer", "latency", "protocol"}


def check_entry(entry):
    """The form of a LogEntry, as the reference has it; one that is wrong fails the request, as it does at Google."""
    if set(entry) == {"textPayload"}:
        return
    unknown = set(entry) - {"insertId", "timestamp", "severity", "httpRequest", "labels", "trace", "spanId", "jsonPayload"}
    http = entry.get("httpRequest", {})
    wrong = [k for k, v in http.items() if k != "status" and (k not in HTTP_TEXT or not isinstance(v, str))]
    wrong += [k for k in ("requestSize", "responseSize") if not re.fullmatch(r"\d{1,19}", http.get(k, "0"))]
    well = (
        not unknown
        and not wrong
        and isinstance(http.get("status", 0), int)
        and re.fullmatch(r"\d+(\.\d{1,9})?s", http.get("latency", "0s"))
        and entry["severity"] in SEVERITIES
        and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", entry["timestamp"])
        and 0 < len(entry["insertId"]) <= 512
        and re.fullmatch(r"projects/p/traces/[0-9a-f]{32}", entry.get("trace", "projects/p/traces/" + "0" * 32))
        and re.fullmatch(r"[0-9a-f]{16}", entry.get("spanId", "0" * 16))
        and all(isinstance(v, str) for v in entry["labels"].values())
        and isinstance(entry["jsonPayload"], dict)
        and len(json.dumps(entry)) <= 256 * 1024
    )
    if not well:
        raise Refused(400, "INVALID_ARGUMENT", f"the entry is malformed: {json.dumps(entry)[:500]}")


class Refused(Exception):
    def __init__(self, code, status, text, details=()):
        super().__init__(text)
        self.code, self.status, self.details = code, status, details


def unpad(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def sigv4(headers, url, secret):
    """The Authorization header that AWS would expect (General Reference, Signature Version 4)."""
    names = sorted(k for k in headers if k != "authorization")
    canonical = "\n".join(
        ["POST", url.path or "/", url.query, *(f"{n}:{headers[n]}" for n in names), "", ";".join(names), hashlib.sha256(b"").hexdigest()]
    )
    day = headers["x-amz-date"][:8]
    region = url.netloc.split(".")[1]
    scope = f"{day}/{region}/sts/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + secret).encode()
    for part in (day, region, "sts", "aws4_request", text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return f"AWS4-HMAC-SHA256 Credential={AWS_ID}/{scope}, SignedHeaders={';'.join(names)}, Signature={key.hex()}"


def key_file(google):
    path = google.folder / "sa.json"
    path.write_text(
        json.dumps(
            {
                "type": "service_account",
                "client_email": "agent@p.iam.gserviceaccount.com",
                "private_key_id": "key-1",
                "private_key": google.key.read_text(),
                "token_uri": google.url + "/token",
            }
        )
    )
    return path
