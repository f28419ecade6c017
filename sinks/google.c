#include "sinks/google.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FILE_MAX = 256 << 10, EARLY_S = 225, SHORTEST_S = 10, PATH_TEXT_MAX = 1024 };

struct google {
	char *file;
	struct google_grant grant;
	int64_t until_us; /* CLOCK_BOOTTIME; 0: there is none */
};

struct google *google_new(const char *file, struct err *e)
{
	struct google *g = calloc(1, sizeof(*g));

	if (g != NULL && file != NULL)
		g->file = strdup(file);
	if (g == NULL || (file != NULL && g->file == NULL)) {
		free(g);
		err_set(e, ENOMEM, "no memory for credentials");
		return NULL;
	}
	return g;
}

void google_free(struct google *g)
{
	if (g == NULL)
		return;
	explicit_bzero(&g->grant, sizeof(g->grant));
	free(g->file);
	free(g);
}

void google_forget(struct google *g)
{
	g->until_us = 0;
}

/* The file to read, or false: there is none. */
static bool find_file(const struct google *g, char path[PATH_TEXT_MAX])
{
	const char *env = getenv("GOOGLE_APPLICATION_CREDENTIALS");
	const char *gcloud = getenv("CLOUDSDK_CONFIG");
	const char *home = getenv("HOME");
	static const char name[] = "application_default_credentials.json";

	if (g->file != NULL || (env != NULL && env[0] != '\0')) {
		snprintf(path, PATH_TEXT_MAX, "%s", g->file != NULL ? g->file : env);
		return true;
	}
	if (gcloud != NULL && gcloud[0] != '\0')
		snprintf(path, PATH_TEXT_MAX, "%s/%s", gcloud, name);
	else if (home != NULL)
		snprintf(path, PATH_TEXT_MAX, "%s/.config/gcloud/%s", home, name);
	else
		return false;
	return access(path, R_OK) == 0;
}

static int by_file(const char *path, struct http *h, struct google_grant *to, struct err *e)
{
	char *text = NULL;
	size_t n = 0;
	json_error_t why;
	json_t *file;
	const char *type;
	int rc;

	if (io_read_file(path, FILE_MAX, &text, &n, e) != 0)
		return -1;
	file = json_loadb(text, n, JSON_REJECT_DUPLICATES, &why);
	explicit_bzero(text, n);
	free(text);
	type = json_string_value(json_object_get(file, "type"));
	to->lasting = true;
	if (file == NULL)
		rc = err_set(e, EINVAL, "%s: line %d: %s", path, why.line, why.text);
	else if (type == NULL)
		rc =
		    err_set(e, EINVAL, "%s: there is no \"type\": not a file of credentials", path);
	else if (strcmp(type, "service_account") == 0)
		rc = google_by_key(file, h, to, e);
	else if (strcmp(type, "authorized_user") == 0)
		rc = google_by_user(file, h, to, e);
	else if (strcmp(type, "external_account") == 0)
		rc = google_by_aws(file, h, to, e);
	else
		rc = err_set(e, EINVAL,
		    "%s: credentials of type \"%s\" are not supported; service_account, "
		    "authorized_user and external_account are",
		    path, type);
	json_decref(file);
	return rc;
}

const char *google_token(struct google *g, struct http *h, bool *lasting, struct err *e)
{
	char path[PATH_TEXT_MAX];
	int64_t now_us = clock_boot_us();
	int rc;

	if (g->until_us != 0 && now_us < g->until_us)
		return g->grant.token;
	g->until_us = 0;
	g->grant.lasting = false;
	rc = find_file(g, path) ? by_file(path, h, &g->grant, e)
				: google_by_metadata(h, &g->grant, e);
	*lasting = g->grant.lasting;
	if (rc != 0) {
		err_wrap(e, "credentials");
		return NULL;
	}

	int64_t hold_s = g->grant.lifetime_s - EARLY_S;

	g->until_us = now_us + (hold_s > SHORTEST_S ? hold_s : SHORTEST_S) * 1000000;
	return g->grant.token;
}

int google_read_token(
    const struct http_reply *r, const char *whose, struct google_grant *to, struct err *e)
{
	json_error_t why;
	json_t *j = json_loadb(r->body.p != NULL ? r->body.p : "", r->body.n, 0, &why);
	const char *token = json_string_value(json_object_get(j, "access_token"));
	const json_t *life = json_object_get(j, "expires_in");
	int rc = 0;

	if (r->status == 200 && token != NULL && strlen(token) < sizeof(to->token)) {
		snprintf(to->token, sizeof(to->token), "%s", token);
		to->lifetime_s = json_is_string(life) ? atoll(json_string_value(life))
						      : json_integer_value(life);
		to->lasting = false;
	} else {
		const char *code = json_string_value(json_object_get(j, "error"));
		const char *text = json_string_value(json_object_get(j, "error_description"));

		/* the grant is wrong: invalid_grant, invalid_client ... or the server is ill */
		to->lasting =
		    r->status >= 400 && r->status < 500 && r->status != 408 && r->status != 429;
		rc = err_set(e, EACCES, "%s answered %ld: %s%s%s", whose, r->status,
		    code != NULL ? code : "no token", text != NULL ? ": " : "",
		    text != NULL ? text : "");
	}
	json_decref(j);
	return rc;
}

void google_percent(struct buf *out, struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    (c != '\0' && strchr("-_.~", c) != NULL))
			buf_char(out, c);
		else
			buf_printf(out, "%%%02X", (unsigned)(uint8_t)c);
	}
}

void google_form(struct buf *out, const char *name, struct slice value)
{
	if (out->n > 0)
		buf_char(out, '&');
	buf_str(out, name);
	buf_char(out, '=');
	google_percent(out, value);
}
