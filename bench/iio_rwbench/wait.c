// SPDX-License-Identifier: GPL-2.0
#include "wait.h"

#include "error.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t stop_signal, asked, late;
static int stop_fd = -1;
static void (*on_last)(void);

/*
 * The eventfd closes the race between looking at the flag and going to sleep
 * in poll(), without a system call more per block.
 */
static void on_stop(int sig)
{
	const uint64_t one = 1;
	int saved = errno;

	if (stop_signal) {
		if (on_last)
			on_last();
		_exit(128 + sig);
	}

	stop_signal = sig;
	if (write(stop_fd, &one, sizeof(one)) < 0)
		_exit(128 + sig);
	errno = saved;
}

static void on_request(int sig)
{
	(void)sig;
	asked = 1;
}

/* A crash must not leave the device running. SA_RESETHAND: no second round. */
static void on_crash(int sig)
{
	if (on_last)
		on_last();
	raise(sig);
}

/* What nohup and shells have ignored for us is to stay so */
static bool has_default(int sig)
{
	struct sigaction old;

	return !sigaction(sig, NULL, &old) && old.sa_handler == SIG_DFL;
}

/* By default it ends nobody */
static bool is_harmless(int sig)
{
	static const int harmless[] = {
		SIGCHLD, SIGURG, SIGWINCH, SIGCONT, SIGTSTP, SIGTTIN, SIGTTOU,
	};
	size_t i;

	for (i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
		if (sig == harmless[i])
			return true;
	return false;
}

/* Faults of the program, and whatever else would end it */
static void catch_crashes(void)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGSYS, SIGTRAP };
	struct sigaction sa = {
		.sa_handler = on_crash,
		.sa_flags = SA_RESETHAND | SA_NODEFER,
	};
	size_t i;
	int sig;

	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigaction(faults[i], &sa, NULL);
	for (sig = 1; sig <= SIGRTMAX; sig++)
		if (has_default(sig) && !is_harmless(sig))
			sigaction(sig, &sa, NULL);
}

int wait_init(void (*last_words)(void))
{
	static const int stops[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	/* Seen as EPIPE, which is a normal end, and as EFBIG */
	static const int errors[] = { SIGPIPE, SIGXFSZ };
	struct sigaction sa;
	size_t i;

	on_last = last_words;
	stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (stop_fd < 0)
		return fail(ST_FAIL, "eventfd: %s", strerror(errno));

	/* No SA_RESTART: a write to a full pipe has to end, too */
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_stop;
	for (i = 0; i < sizeof(stops) / sizeof(stops[0]); i++)
		if (has_default(stops[i]))
			sigaction(stops[i], &sa, NULL);
	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		signal(errors[i], SIG_IGN);
	catch_crashes();

	return 0;
}

void wait_in_child(void)
{
	on_last = NULL;
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, SIG_DFL);
}

/* SA_RESTART, as all but poll(), which never is, can go on */
void wait_take_requests(void)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_request;
	sa.sa_flags = SA_RESTART;
	sigaction(SIGUSR1, &sa, NULL);
}

void wait_ignore_requests(void)
{
	signal(SIGUSR1, SIG_IGN);
}

static void on_guard(int sig)
{
	(void)sig;
	late = 1;
}

/* Again and again, as a signal that comes just before the system call wakes nobody */
static void set_guard(uint64_t ms)
{
	const struct timeval tv = {
		.tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000 * 1000),
	};
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_guard;
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &(struct itimerval){ .it_value = tv, .it_interval = tv }, NULL);
}

/* Set for twice the time, so that it need not be set anew before that is half over */
void wait_guard(uint64_t ms, uint64_t now)
{
	static uint64_t again_at;

	if (ms ? now < again_at && !late : !again_at)
		return;
	again_at = ms ? now + ms * NSEC_PER_MSEC : 0;
	set_guard(2 * ms);
	late = 0;
}

bool wait_late(void)
{
	return late != 0;
}

bool wait_asked(void)
{
	bool was = asked;

	if (was)
		asked = 0;
	return was;
}

bool wait_stopped(void)
{
	return stop_signal != 0;
}

int wait_signal(void)
{
	return stop_signal;
}

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

int wait_fd(int fd, short events, uint64_t timeout_ms)
{
	struct pollfd fds[2] = {
		{ .fd = fd, .events = events },
		{ .fd = stop_fd, .events = POLLIN },
	};
	int timeout = -1;
	int ret;

	if (timeout_ms)
		timeout = timeout_ms > INT_MAX ? INT_MAX : (int)timeout_ms;

	/* Only our own signals have handlers: to stop, or to tell how it goes */
	ret = poll(fds, 2, timeout);
	if (wait_stopped())
		return -EINTR;
	if (ret < 0 && errno == EINTR)
		return -EAGAIN;
	if (ret < 0)
		return -errno;

	return fds[0].revents ? 1 : 0;
}

void wait_look(int fd, int other, short events, bool *ready, bool *other_ready)
{
	struct pollfd fds[2] = {
		{ .fd = fd, .events = events },
		{ .fd = other, .events = events },
	};
	bool known = poll(fds, 2, 0) >= 0;

	*ready = known && fds[0].revents;
	*other_ready = known && fds[1].revents;
}
