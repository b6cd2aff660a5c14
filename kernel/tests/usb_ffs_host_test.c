// SPDX-License-Identifier: GPL-2.0
/*
 * A program in the place of the host of the dummy USB device controller (udc_dummy.ko): control
 * requests, and bytes to and from the bulk endpoints of a gadget of FunctionFS.
 */
#include "usb_test_gadget.h"

#include <signal.h>
#include <sys/wait.h>

#define SIZE	16384
#define PACKET	1024
#define IN	"ep1in"
#define OUT	"ep1out"

/* What FunctionFS leaves to its user */
#define VENDOR	(USB_TYPE_VENDOR | USB_RECIP_INTERFACE)

/* ------------------------------------------------- a gadget and its host */

FIXTURE(host) {
	struct gadget g;
	int in;			/* the host's end */
	int out;
};

FIXTURE_SETUP(host)
{
	gadget_setup(_metadata, &self->g);
	if (access(UDC_DIR "control", F_OK))
		SKIP_SETUP("no program can be the host");
	self->in = host_open(IN);
	self->out = host_open(OUT);
	ASSERT_GE(self->in, 0);
	ASSERT_GE(self->out, 0);
}

FIXTURE_TEARDOWN(host)
{
	host_close(IN, self->in);
	host_close(OUT, self->out);
	gadget_teardown(&self->g);
}

/* A call of either side that sleeps */
struct call {
	int fd;
	char *data;
	size_t size;
};

static int call_read(void *arg)
{
	struct call *c = arg;

	return read(c->fd, c->data, c->size);
}

static int call_write(void *arg)
{
	struct call *c = arg;

	return write(c->fd, c->data, c->size);
}

static void fill(char *data, size_t size, unsigned int seed)
{
	size_t i;

	for (i = 0; i < size; i++)
		data[i] = seed + i + i / 251;
}

static bool is_filled(const char *data, size_t size, unsigned int seed)
{
	size_t i;

	for (i = 0; i < size; i++)
		if (data[i] != (char)(seed + i + i / 251))
			return false;

	return true;
}

/* ------------------------------------------------------------------- bulk */

TEST_F(host, reads_what_the_gadget_writes)
{
	static const size_t sizes[] = { 1, 8, PACKET - 1, PACKET + 1, SIZE - 4, 3 * SIZE + 12 };
	static char sent[4 * SIZE], got[4 * SIZE];
	long long mapped = udc_get(IN "/mapped");
	struct sleeper s;
	struct call c;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		fill(sent, sizes[i], i);
		c = (struct call){ self->g.in, sent, sizes[i] };
		ASSERT_TRUE(sleeper_start(&s, call_write, &c));
		/* The packet that is not full ends it. */
		ASSERT_EQ(sizes[i], read(self->in, got, sizeof(got)));
		EXPECT_TRUE(is_filled(got, sizes[i], i));
		ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
		EXPECT_EQ(sizes[i], s.ret);
	}
	EXPECT_EQ(mapped, udc_get(IN "/mapped"));
}

TEST_F(host, full_packets_are_no_end)
{
	static char sent[SIZE], got[2 * SIZE];
	struct sleeper s;
	struct call c = { self->in, got, sizeof(got) };

	fill(sent, SIZE, 1);
	ASSERT_TRUE(sleeper_start(&s, call_read, &c));
	ASSERT_EQ(SIZE, write(self->g.in, sent, SIZE));
	usleep(QUIET_MS * 1000);
	EXPECT_FALSE(s.done);
	fill(sent, 8, 2);
	ASSERT_EQ(8, write(self->g.in, sent, 8));
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(SIZE + 8, s.ret);
	EXPECT_TRUE(is_filled(got, SIZE, 1));
	EXPECT_TRUE(is_filled(got + SIZE, 8, 2));
}

/* What the host does not ask for stays with the gadget. */
TEST_F(host, reads_a_part)
{
	static char sent[SIZE], got[SIZE];
	struct call c = { self->g.in, sent, SIZE };
	struct sleeper s;
	size_t at;

	fill(sent, SIZE, 3);
	ASSERT_TRUE(sleeper_start(&s, call_write, &c));
	for (at = 0; at < SIZE; at += SIZE / 4) {
		EXPECT_FALSE(s.done);
		ASSERT_EQ(SIZE / 4, read(self->in, got + at, SIZE / 4));
	}
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(SIZE, s.ret);
	EXPECT_TRUE(is_filled(got, SIZE, 3));
}

TEST_F(host, writes_what_the_gadget_reads)
{
	static const size_t sizes[] = { 1, 8, PACKET + 1, SIZE - 4, SIZE };
	static char sent[SIZE], got[SIZE];
	struct sleeper s;
	struct call c;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		fill(sent, sizes[i], i);
		c = (struct call){ self->g.out, got, SIZE };
		ASSERT_TRUE(sleeper_start(&s, call_read, &c));
		ASSERT_EQ(sizes[i], write(self->out, sent, sizes[i]));
		ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
		EXPECT_EQ(sizes[i], s.ret);
		EXPECT_TRUE(is_filled(got, sizes[i], i));
	}
}

/* Full packets are no end for the gadget, and one without any bytes is. */
TEST_F(host, writes_an_end)
{
	static char sent[PACKET], got[SIZE];
	struct call c = { self->g.out, got, SIZE };
	struct sleeper s;

	fill(sent, PACKET, 4);
	ASSERT_TRUE(sleeper_start(&s, call_read, &c));
	ASSERT_EQ(PACKET, write(self->out, sent, PACKET));
	usleep(QUIET_MS * 1000);
	EXPECT_FALSE(s.done);
	ASSERT_EQ(0, write(self->out, sent, 0));
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(PACKET, s.ret);
	EXPECT_TRUE(is_filled(got, PACKET, 4));
}

/* A gadget that asks for little at a time */
TEST_F(host, write_waits_for_all_of_it)
{
	static char sent[SIZE], got[SIZE];
	struct call c = { self->out, sent, SIZE };
	struct sleeper s;
	size_t at;

	fill(sent, SIZE, 5);
	ASSERT_TRUE(sleeper_start(&s, call_write, &c));
	for (at = 0; at < SIZE; at += SIZE / 4) {
		EXPECT_FALSE(s.done);
		ASSERT_EQ(SIZE / 4, read(self->g.out, got + at, SIZE / 4));
	}
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(SIZE, s.ret);
	EXPECT_TRUE(is_filled(got, SIZE, 5));
}

TEST_F(host, dmabufs_arrive)
{
	long long mapped = udc_get(IN "/mapped");
	static char got[2 * SIZE];
	struct block blk;
	int i;

	ASSERT_EQ(0, block_alloc(&blk, SIZE));
	ASSERT_EQ(0, ffs_attach(self->g.in, blk.fd));
	for (i = 0; i < 3; i++) {
		block_sync(&blk, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE);
		fill((char *)blk.map, SIZE, i);
		block_sync(&blk, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE);
		ASSERT_EQ(0, ffs_transfer(self->g.in, blk.fd, SIZE - 4 * i));
		ASSERT_EQ(SIZE - 4 * i, read(self->in, got, i ? sizeof(got) : SIZE));
		EXPECT_TRUE(is_filled(got, SIZE - 4 * i, i));
	}
	EXPECT_EQ(mapped + 3, udc_get(IN "/mapped"));
	EXPECT_EQ(0, ffs_detach(self->g.in, blk.fd));
	block_free(&blk);
}

TEST_F(host, rate_is_kept)
{
	static char sent[SIZE], got[SIZE];
	struct call c = { self->g.in, sent, SIZE };
	struct sleeper s;
	uint64_t begin;

	ASSERT_EQ(0, udc_set("rate", 100000));
	ASSERT_TRUE(sleeper_start(&s, call_write, &c));
	begin = now_ms();
	/* It begins when both are there. */
	ASSERT_EQ(SIZE, read(self->in, got, SIZE));
	EXPECT_GE(now_ms() - begin, SIZE * 1000 / 100000);
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
}

TEST_F(host, sees_a_fault)
{
	static char sent[SIZE], got[SIZE];
	struct call c = { self->g.in, sent, SIZE };
	struct sleeper s;

	ASSERT_EQ(0, udc_set("fail", 1));
	ASSERT_TRUE(sleeper_start(&s, call_write, &c));
	EXPECT_ERRNO(EIO, read(self->in, got, SIZE));
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(-1, s.ret);
	EXPECT_EQ(EIO, s.err);
}

TEST_F(host, sees_a_stall)
{
	long long stalls = udc_get(IN "/stalls");
	struct call c;
	struct sleeper s;
	char byte;

	c = (struct call){ self->in, &byte, 1 };
	ASSERT_TRUE(sleeper_start(&s, call_read, &c));
	/* How FunctionFS is told to halt an endpoint */
	EXPECT_ERRNO(EBADMSG, read(self->g.in, &byte, 1));
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(-1, s.ret);
	EXPECT_EQ(EPIPE, s.err);
	EXPECT_EQ(stalls + 1, udc_get(IN "/stalls"));
}

/* ------------------------------------------------------- lives and deaths */

TEST_F(host, counter_has_the_endpoint_otherwise)
{
	static char data[SIZE];

	ASSERT_EQ(0, udc_set(IN "/manual", 0));
	EXPECT_ERRNO(EBUSY, read(self->in, data, SIZE));
	EXPECT_EQ(SIZE, write(self->g.in, data, SIZE));
	ASSERT_EQ(0, udc_set(OUT "/manual", 0));
	EXPECT_ERRNO(EBUSY, write(self->out, data, SIZE));
	EXPECT_EQ(SIZE, read(self->g.out, data, SIZE));
}

TEST_F(host, is_the_counter_again)
{
	static char sent[SIZE], got[SIZE];
	struct call c = { self->in, got, SIZE };
	struct sleeper s;

	ASSERT_TRUE(sleeper_start(&s, call_read, &c));
	ASSERT_EQ(0, udc_set(IN "/manual", 0));
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(-1, s.ret);
	EXPECT_EQ(ECANCELED, s.err);

	/* What has been read in part goes to the counter. */
	ASSERT_EQ(0, udc_set(IN "/manual", 1));
	c = (struct call){ self->g.in, sent, SIZE };
	ASSERT_TRUE(sleeper_start(&s, call_write, &c));
	ASSERT_EQ(PACKET, read(self->in, got, PACKET));
	EXPECT_FALSE(s.done);
	ASSERT_EQ(0, udc_set(IN "/manual", 0));
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(SIZE, s.ret);
}

TEST_F(host, signal_ends_a_read)
{
	static char sent[8], got[SIZE];
	struct call c = { self->in, got, SIZE }, g = { self->g.in, sent, sizeof(sent) };
	struct sleeper s;

	expect_eintr(_metadata, call_read, &c);

	/* And with a transfer under way, which goes on with the next one */
	fill(sent, sizeof(sent), 6);
	ASSERT_EQ(0, udc_set("hold", 1));
	ASSERT_TRUE(sleeper_start(&s, call_write, &g));
	expect_eintr(_metadata, call_read, &c);
	ASSERT_EQ(0, udc_set("hold", 0));
	usleep(QUIET_MS * 1000);
	EXPECT_FALSE(s.done);
	ASSERT_EQ(sizeof(sent), read(self->in, got, SIZE));
	EXPECT_TRUE(is_filled(got, sizeof(sent), 6));
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(sizeof(sent), s.ret);
}

TEST_F(host, unplug_ends_a_read)
{
	static char got[SIZE];
	struct call c = { self->in, got, SIZE };
	struct sleeper s;

	ASSERT_TRUE(sleeper_start(&s, call_read, &c));
	ASSERT_EQ(0, udc_set("connected", 0));
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(-1, s.ret);
	EXPECT_EQ(ENODEV, s.err);
	EXPECT_ERRNO(ENODEV, read(self->in, got, SIZE));
	EXPECT_ERRNO(ENODEV, write(self->out, got, SIZE));
	EXPECT_ERRNO(ENODEV, host_control(VENDOR, 1, 0, NULL, 0));
}

TEST_F(host, unbind_of_the_controller_ends_a_read)
{
	static char got[SIZE];
	struct call c = { self->in, got, SIZE };
	struct sleeper s;

	ASSERT_TRUE(sleeper_start(&s, call_read, &c));
	ASSERT_EQ(0, file_write(UDC_DRIVER "unbind", UDC));
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(-1, s.ret);
	EXPECT_EQ(ENODEV, s.err);
	/* The files are of one that is gone. */
	EXPECT_EQ(-1, read(self->in, got, SIZE));
	ASSERT_EQ(0, file_write(UDC_DRIVER "bind", UDC));
}

static void kill_one(struct __test_metadata *_metadata, int fd, bool reads)
{
	static char data[SIZE];
	int status;
	pid_t pid;

	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid)
		_exit(reads ? read(fd, data, SIZE) : write(fd, data, SIZE));
	usleep(QUIET_MS * 1000);
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
}

TEST_F(host, killed)
{
	static char sent[SIZE], got[SIZE];
	struct call c = { self->g.in, sent, 8 };
	struct sleeper s;
	int hold;

	for (hold = 0; hold < 2; hold++) {
		ASSERT_EQ(0, udc_set("hold", hold));
		kill_one(_metadata, self->in, true);
		kill_one(_metadata, self->out, false);
	}
	ASSERT_EQ(0, udc_set("hold", 0));
	fill(sent, 8, 7);
	ASSERT_TRUE(sleeper_start(&s, call_write, &c));
	ASSERT_EQ(8, read(self->in, got, SIZE));
	EXPECT_TRUE(is_filled(got, 8, 7));
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
}

/* ---------------------------------------------------------------- control */

struct request {
	uint8_t type;
	uint8_t request;
	uint16_t value;
	char *data;
	uint16_t len;
};

static int call_control(void *arg)
{
	const struct request *r = arg;

	return host_control(r->type, r->request, r->value, r->data, r->len);
}

/* The next request that is for the user of FunctionFS */
static void expect_setup(struct __test_metadata *_metadata, int ep0,
			 const struct request *r)
{
	struct usb_functionfs_event event;

	do {
		ASSERT_EQ(sizeof(event), read(ep0, &event, sizeof(event)));
	} while (event.type != FUNCTIONFS_SETUP);
	EXPECT_EQ(r->type, event.u.setup.bRequestType);
	EXPECT_EQ(r->request, event.u.setup.bRequest);
	EXPECT_EQ(r->value, le16toh(event.u.setup.wValue));
	EXPECT_EQ(0, le16toh(event.u.setup.wIndex));
	EXPECT_EQ(r->len, le16toh(event.u.setup.wLength));
}

TEST_F(host, control_without_data)
{
	struct request r = { VENDOR, 1, 0x1234, NULL, 0 };
	struct sleeper s;

	ASSERT_TRUE(sleeper_start(&s, call_control, &r));
	expect_setup(_metadata, self->g.ep0, &r);
	EXPECT_FALSE(s.done);
	EXPECT_EQ(0, read(self->g.ep0, NULL, 0));
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(0, s.ret);
}

TEST_F(host, control_brings_data)
{
	char got[64] = "", sent[16];
	struct request r = { USB_DIR_IN | VENDOR, 2, 3, got, sizeof(got) };
	struct sleeper s;

	fill(sent, sizeof(sent), 8);
	ASSERT_TRUE(sleeper_start(&s, call_control, &r));
	expect_setup(_metadata, self->g.ep0, &r);
	EXPECT_EQ(sizeof(sent), write(self->g.ep0, sent, sizeof(sent)));
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(sizeof(sent), s.ret);
	EXPECT_TRUE(is_filled(got, sizeof(sent), 8));
}

TEST_F(host, control_sends_data)
{
	char got[64] = "", sent[16];
	struct request r = { VENDOR, 4, 5, sent, sizeof(sent) };
	struct sleeper s;

	fill(sent, sizeof(sent), 9);
	ASSERT_TRUE(sleeper_start(&s, call_control, &r));
	expect_setup(_metadata, self->g.ep0, &r);
	EXPECT_EQ(sizeof(sent), read(self->g.ep0, got, sizeof(sent)));
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(0, s.ret);
	EXPECT_TRUE(is_filled(got, sizeof(sent), 9));
}

TEST_F(host, control_is_stalled)
{
	struct request r = { USB_DIR_IN | VENDOR, 6, 7, NULL, 0 };
	struct sleeper s;
	char byte;

	r.data = &byte;
	r.len = 1;
	ASSERT_TRUE(sleeper_start(&s, call_control, &r));
	expect_setup(_metadata, self->g.ep0, &r);
	/* How FunctionFS is told that a request makes no sense */
	EXPECT_ERRNO(EL2HLT, read(self->g.ep0, &byte, 1));
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(-1, s.ret);
	EXPECT_EQ(EPIPE, s.err);
	/* The kernel's own answer: there is no such interface. */
	EXPECT_ERRNO(EPIPE, host_control(USB_TYPE_VENDOR | USB_RECIP_OTHER, 6, 7, NULL, 0));
}

/* An answer that comes too late is not one to the next request. */
TEST_F(host, control_without_an_answer)
{
	struct usb_device_descriptor device;
	char got[64] = "", sent[64];
	struct request r = { USB_DIR_IN | VENDOR, 8, 9, got, sizeof(got) };
	struct call c = { self->g.ep0, sent, sizeof(sent) };
	struct sleeper s;

	fill(sent, sizeof(sent), 10);
	EXPECT_ERRNO(ETIMEDOUT, call_control(&r));
	expect_setup(_metadata, self->g.ep0, &r);
	ASSERT_TRUE(sleeper_start(&s, call_write, &c));
	EXPECT_EQ(USB_DT_DEVICE_SIZE, host_control(USB_DIR_IN, USB_REQ_GET_DESCRIPTOR,
						   USB_DT_DEVICE << 8, &device,
						   USB_DT_DEVICE_SIZE));
	EXPECT_EQ(USB_DT_DEVICE, device.bDescriptorType);
	EXPECT_EQ(0x1d6b, le16toh(device.idVendor));
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
}

TEST_F(host, control_is_interrupted)
{
	struct request r = { VENDOR, 1, 2, NULL, 0 };
	struct sleeper s;

	expect_eintr(_metadata, call_control, &r);
	expect_setup(_metadata, self->g.ep0, &r);
	/* FunctionFS tells who answers then that the host has gone on. */
	r.value = 3;
	ASSERT_TRUE(sleeper_start(&s, call_control, &r));
	EXPECT_ERRNO(EIDRM, read(self->g.ep0, NULL, 0));
	expect_setup(_metadata, self->g.ep0, &r);
	EXPECT_EQ(0, read(self->g.ep0, NULL, 0));
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(0, s.ret);
}

TEST_F(host, control_makes_no_sense)
{
	char data[8192] = "";
	int fd;

	fd = open(UDC_DIR "control", O_RDWR | O_CLOEXEC);
	ASSERT_GE(fd, 0);
	EXPECT_ERRNO(EINVAL, write(fd, data, 7));
	close(fd);
	/* It says that there are more bytes than there are. */
	data[6] = 1;
	fd = open(UDC_DIR "control", O_RDWR | O_CLOEXEC);
	EXPECT_ERRNO(EINVAL, write(fd, data, 8));
	EXPECT_ERRNO(EBUSY, write(fd, data, 9));
	EXPECT_EQ(0, read(fd, data, 1));
	close(fd);
	EXPECT_ERRNO(EINVAL, host_control(USB_DIR_IN | VENDOR, 1, 0, data, 8192));
	EXPECT_ERRNO(EFBIG, host_control(VENDOR, 1, 0, data, 8192 - 8));
}

TEST_F(host, control_ends_with_the_gadget)
{
	struct request r = { VENDOR, 1, 0, NULL, 0 };
	struct sleeper s;

	ASSERT_TRUE(sleeper_start(&s, call_control, &r));
	ASSERT_EQ(0, gadget_unbind());
	ASSERT_TRUE(sleeper_join(&s, WAIT_MS));
	EXPECT_EQ(-1, s.ret);
	EXPECT_EQ(ENODEV, s.err);
	EXPECT_ERRNO(ENODEV, call_control(&r));
}

IIO_TEST_MAIN
