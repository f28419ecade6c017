#include "sinks/aws_instance.h"

#include "base/err.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum { TOKEN_MAX = 256, URL_MAX = 512, TIMEOUT_MS = 2000 };

static bool keep(char *to, size_t n, const json_t *document, const char *name)
{
	const char *v = json_string_value(json_object_get(document, name));

	if (v == NULL || v[0] == '\0' || strlen(v) >= n)
		return false;
	memcpy(to, v, strlen(v) + 1);
	return true;
}

/* One request; *to gets the reply's text. */
static enum aws_found ask(
    struct http *h, const char *method, const char *path, const char *header, struct http_reply *to)
{
	const char *base = getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT");
	char url[URL_MAX];
	struct http_request q = {
		.method = method, .url = url, .headers = { header }, .timeout_ms = TIMEOUT_MS
	};
	struct err ignored = { 0, "" };

	if (base == NULL || base[0] == '\0')
		base = "http://169.254.169.254";
	snprintf(url, sizeof(url), "%s%s", base, path);
	if (!http_is_safe(url) || http_do(h, &q, to, &ignored) != 0 || to->status >= 500)
		return AWS_NO_ANSWER;
	return to->status == 200 && to->body.p != NULL ? AWS_INSTANCE : AWS_NO_INSTANCE;
}

enum aws_found aws_instance_find(struct http *h, struct aws_instance *out)
{
	struct http_reply reply = { 0 };
	char header[TOKEN_MAX + 64];
	json_t *j = NULL;
	enum aws_found found =
	    ask(h, "PUT", "/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds: 60", &reply);

	if (found == AWS_INSTANCE && reply.body.n > TOKEN_MAX)
		found = AWS_NO_INSTANCE;
	if (found == AWS_INSTANCE) {
		snprintf(header, sizeof(header), "X-aws-ec2-metadata-token: %.*s",
		    (int)reply.body.n, reply.body.p);
		found = ask(h, "GET", "/latest/dynamic/instance-identity/document", header, &reply);
	}
	if (found == AWS_INSTANCE) {
		j = json_loadb(reply.body.p, reply.body.n, 0, NULL);
		if (!keep(out->id, sizeof(out->id), j, "instanceId") ||
		    !keep(out->zone, sizeof(out->zone), j, "availabilityZone") ||
		    !keep(out->account, sizeof(out->account), j, "accountId"))
			found = AWS_NO_INSTANCE;
		json_decref(j);
	}
	explicit_bzero(header, sizeof(header));
	buf_free(&reply.body);
	return found;
}
