/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RWBENCH_WAIT_H
#define RWBENCH_WAIT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * SIGINT, SIGTERM, SIGHUP and SIGQUIT ask the run to end, if they were not ignored. A second
 * one, and any other signal that ends a program, leaves at once, after calling @last_words,
 * which must be async-signal-safe.
 */
int wait_init(void (*last_words)(void));

/* In a child that ends with its parent: the signals are the parent's, and so is the device */
void wait_in_child(void);

/* From now on SIGUSR1 asks for a summary of the run that goes on */
void wait_take_requests(void);

/* Where nobody is to answer, or a signal would do harm to what it interrupts */
void wait_ignore_requests(void);

/*
 * For system calls that wait without a time limit and that no poll() can wait for: after this,
 * at about @now, one that takes longer than @ms, or twice that, is interrupted. To be called
 * before each, which is a system call only now and then. 0 ends it.
 */
void wait_guard(uint64_t ms, uint64_t now);

/* That was it */
bool wait_late(void);

/* Has anybody asked since the last time? */
bool wait_asked(void);

bool wait_stopped(void);
int wait_signal(void);

/*
 * Waits until @fd has one of @events. Returns 1 when it has, 0 on timeout,
 * -EINTR when the run shall end, -EAGAIN when somebody asked for a summary, or -errno.
 * @timeout_ms 0 waits for ever.
 */
int wait_fd(int fd, short events, uint64_t timeout_ms);

/*
 * Without waiting: has @fd one of @events, and has @other (-1: there is none)? In one system
 * call. Nobody knows means no.
 */
void wait_look(int fd, int other, short events, bool *ready, bool *other_ready);

#define NSEC_PER_MSEC	1000000u

uint64_t now_ns(void);

#endif
