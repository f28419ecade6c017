#!/bin/bash
# make demo: a real nginx, ordinary visitors, attackers; Sekisho reads nginx's log, stores
# everything in SQLite and blocks the attackers. Cleans up after itself.
#
# With root and network namespaces visitors and attackers have addresses of their own and
# blocks are made by nftables in the server's namespace. Without, everything runs on
# 127.0.0.x, and the plane is dry-run.
set -u
cd "$(dirname "$0")/../.." || exit 1
ROOT=$(pwd)
SEKISHO=$ROOT/build/sekisho
W=$(mktemp -d /tmp/sekisho-demo.XXXXXX)
chmod 755 "$W"
NS=skdemo$$
PORT=8080
pids=()

cleanup() {
	for p in "${pids[@]}"; do
		# a function in the background is a shell of its own: what it started is its child
		pkill -P "$p" 2>/dev/null || kill "$p" 2>/dev/null
	done
	[ ! -f "$W/nginx.pid" ] || kill "$(cat "$W/nginx.pid")" 2>/dev/null
	wait 2>/dev/null
	if [ "$plane" = nftables ]; then
		for n in web $(seq 1 6); do ip netns del "$NS-$n" 2>/dev/null; done
	fi
	rm -rf "$W"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

say() { printf '\n== %s\n' "$*"; }

# ---- where it happens: one namespace for the server, one for each client -------------
plane=dry-run
if [ "$(id -u)" = 0 ] && ip netns add "$NS-web" 2>/dev/null; then
	plane=nftables
	in_web() { ip netns exec "$NS-web" "$@"; }
	in_client() { local n=$1; shift; ip netns exec "$NS-$n" "$@"; }
	server() { echo "10.77.$1.1"; }
	address() { echo "10.77.$1.2"; }
	ip -n "$NS-web" link set lo up
	for n in $(seq 1 6); do
		ip netns add "$NS-$n"
		ip link add "skd$n" netns "$NS-web" type veth peer name eth0 netns "$NS-$n"
		ip -n "$NS-web" addr add "10.77.$n.1/24" dev "skd$n"
		ip -n "$NS-web" link set "skd$n" up
		ip -n "$NS-$n" addr add "10.77.$n.2/24" dev eth0
		ip -n "$NS-$n" link set eth0 up
		ip -n "$NS-$n" link set lo up
	done
else
	in_web() { "$@"; }
	in_client() { shift; "$@"; }
	server() { echo "127.0.0.1"; }
	address() { echo "127.0.0.1"; }
	say "no root or no network namespaces: one address for all, and blocks are only written down (dry-run)"
fi

# ---- nginx ---------------------------------------------------------------------------
mkdir -p "$W/www" "$W/logs" "$W/tmp"
echo 'hello' > "$W/www/index.html"
cat > "$W/nginx.conf" <<CONF
$([ "$(id -u)" = 0 ] && echo "user root;")
worker_processes 1;
pid $W/nginx.pid;
error_log $W/logs/error.log;
events { worker_connections 256; }
http {
	access_log $W/logs/access.log combined;
	client_body_temp_path $W/tmp; proxy_temp_path $W/tmp; fastcgi_temp_path $W/tmp;
	uwsgi_temp_path $W/tmp; scgi_temp_path $W/tmp;
	server {
		listen $PORT;
		root $W/www;
		location = / { try_files /index.html =404; }
		location /profile/ { return 200 "profile\n"; }
		location /search { return 200 "results\n"; }
		location = /login { return 401 "no\n"; }
	}
}
CONF
in_web nginx -c "$W/nginx.conf" -p "$W" || { echo "nginx did not start"; exit 1; }

# ---- sekisho -------------------------------------------------------------------------
cat > "$W/sekisho.yaml" <<CONF
service: demo
inputs:
  - files: [$W/logs/access.log]
    parser: combined
rules: [$ROOT/rules]
journal: {dir: $W/journal, max_size: 256MiB, min_free: 1%}
sinks:
  local: {type: sqlite, path: $W/sekisho.db}
response: {mode: enforce, planes: [$plane], ttl: 10m}
status: {socket: $W/status.sock}
CONF
"$SEKISHO" check -c "$W/sekisho.yaml" || exit 1
in_web "$SEKISHO" run -c "$W/sekisho.yaml" > "$W/sekisho.log" 2>&1 &
pids+=($!)
for _ in $(seq 200); do
	"$SEKISHO" status -c "$W/sekisho.yaml" --check > /dev/null 2>&1 && break
	sleep 0.05
done

get() { # client, path, agent: the status, or 000 when the connection is refused
	local code
	code=$(in_client "$1" curl -s -o /dev/null -m 3 -w '%{http_code}' -A "$3" "http://$(server "$1"):$PORT$2")
	echo "$code"
}

UA='Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36'
say "ordinary visitors (client 1) and five attackers"
for i in $(seq 10); do get 1 "/search?q=summer+jacket+size+$i" "$UA" > /dev/null; done

attack() { # client, name, agent, then a path a line on stdin: until refused
	local n=0 refused=no started first
	started=$(date +%s%N)
	while IFS= read -r path; do
		n=$((n + 1))
		if [ "$(get "$1" "$path" "$3")" = 000 ]; then
			refused=yes
			break
		fi
		[ "$n" -gt 1 ] || first=$(date +%s%N)
	done
	if [ $refused = yes ]; then
		printf '  %-22s refused at its request %d, %d ms after its first\n' "$2" "$n" $((($(date +%s%N) - first) / 1000000))
	else
		printf '  %-22s sent %d requests\n' "$2" "$n"
	fi
	: "$started"
}

{ for i in $(seq 40); do echo "/search?q=$i%27%20UNION%20SELECT%20table_name,2%20FROM%20information_schema.tables--%20-"; done; } | attack 2 "SQL injection" "$UA"
{ for i in $(seq 40); do echo "/search?file=../../../../../../etc/passwd"; echo "/search?file=....//....//etc/shadow%00"; done; } | attack 3 "path traversal" "$UA"
{ for i in $(seq 60); do echo "/admin$i.php"; echo "/.env.$i"; echo "/backup/$i.sql"; done; } | attack 4 "scanner" "sqlmap/1.8.6#stable (https://sqlmap.org)"
{ for i in $(seq 130); do echo "/profile/$i"; done; } | attack 5 "crawler of profiles" "$UA"
login() { in_client 6 curl -s -o /dev/null -m 3 -w '%{http_code}' -A "$UA" -d "user=a&password=guess$1" "http://$(server 6):$PORT/login"; }
n=0
for i in $(seq 60); do
	n=$i
	[ "$(login "$i")" != 000 ] || break
done
echo "  login guesser          stopped after $n tries"

for i in $(seq 5); do last=$(get 1 "/search?q=still+here+$i" "$UA"); done
say "the visitor is still served: HTTP $last"

# everything that nginx wrote must be in the database
lines=$(wc -l < "$W/logs/access.log")
for _ in $(seq 400); do
	rows=$(sqlite3 "$W/sekisho.db" 'SELECT count(*) FROM events' 2>/dev/null)
	[ "${rows:-0}" -ge "$lines" ] && break
	sleep 0.05
done
say "nginx wrote $lines lines; the database has $rows events"

q() { echo "  $1"; sqlite3 -header -column "$W/sekisho.db" "$1" | sed 's/^/    /'; }
say "detections by category"
q "SELECT category, count(*) AS detections, count(DISTINCT client_address) AS clients FROM detections GROUP BY category ORDER BY 2 DESC"
say "who was blocked, and why"
"$SEKISHO" blocks list -c "$W/sekisho.yaml"
say "three questions an analyst asks"
q "SELECT rule, entity_value, action, effective, count FROM alerts ORDER BY first_time LIMIT 8"
q "SELECT client_address, count(*) AS requests, sum(category IS NOT NULL) AS bad FROM events GROUP BY 1 ORDER BY 3 DESC LIMIT 6"
q "SELECT hour, http_response_status_code AS status, count(*) AS n FROM events GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 5"
say "does it balance?"
"$SEKISHO" audit -c "$W/sekisho.yaml"
rc=$?
"$SEKISHO" status -c "$W/sekisho.yaml"
[ "$rows" = "$lines" ] || rc=1
exit $rc
