#pragma once
#include <stddef.h>
#include <stdint.h>

/* What a fuzz target defines. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
