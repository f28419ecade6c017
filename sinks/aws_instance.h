/*
 * aws_instance.h - which EC2 instance is this? By the instance identity document, IMDSv2
 * (docs.aws.amazon.com, "Instance identity documents").
 */
#ifndef SINKS_AWS_INSTANCE_H
#define SINKS_AWS_INSTANCE_H

#include "sinks/http.h"

struct aws_instance {
	char id[64], zone[64], account[32]; /* i-..., ap-northeast-1a, 12 digits */
};

enum aws_found { AWS_INSTANCE, AWS_NO_INSTANCE, AWS_NO_ANSWER };

/*
 * $AWS_EC2_METADATA_SERVICE_ENDPOINT says where to ask, as it does to Amazon's own tools. No
 * answer may be that of a host elsewhere, or of a service that is not up yet.
 */
enum aws_found aws_instance_find(struct http *h, struct aws_instance *out);

#endif
