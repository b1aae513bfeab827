#pragma once
#include "common/json.h"

/* The answer of image_inspect(), for people. */
void report_inspect(json_object *summary);

/* "1.5 MiB" */
#define REPORT_SIZE 32
void report_size(uint64_t bytes, char text[REPORT_SIZE]);
