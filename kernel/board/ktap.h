/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KTAP for host programs: a table of named tests, each a function that expects
 *
 * A failed expectation prints both values and fails the test, which goes on.
 */
#ifndef KTAP_H
#define KTAP_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct ktap_test {
    const char *name;
    void (*run)(void);
};

static bool ktap_failed;

static inline void ktap_fail(const char *file, int line, const char *what)
{
    printf("# %s:%d: %s\n", file, line, what);
    ktap_failed = true;
}

#define EXPECT(cond) do { \
        if (!(cond)) { \
            ktap_fail(__FILE__, __LINE__, #cond); \
        } \
    } while (0)

#define EXPECT_EQ(got, want) do { \
        uint64_t got_ = (got), want_ = (want); \
        if (got_ != want_) { \
            printf("# %s:%d: %s is 0x%" PRIx64 ", not 0x%" PRIx64 " (%s)\n", \
                   __FILE__, __LINE__, #got, got_, want_, #want); \
            ktap_failed = true; \
        } \
    } while (0)

static inline int ktap_run(const struct ktap_test *tests, unsigned int n)
{
    unsigned int i, failed = 0;

    printf("KTAP version 1\n1..%u\n", n);
    for (i = 0; i < n; i++) {
        ktap_failed = false;
        tests[i].run();
        printf("%sok %u %s\n", ktap_failed ? "not " : "", i + 1, tests[i].name);
        fflush(stdout);
        failed += ktap_failed;
    }
    printf("# pass:%u fail:%u skip:0 total:%u\n", n - failed, failed, n);
    return failed != 0;
}

#endif
