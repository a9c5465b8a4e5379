/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FORM_FUZZ_H
#define FORM_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void fuzz_form(const char *type, const uint8_t *data, size_t size);

#endif
