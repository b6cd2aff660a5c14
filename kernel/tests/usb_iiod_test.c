// SPDX-License-Identifier: GPL-2.0
/*
 * A second opinion on samples by USB: libiio's daemon, iiod 1.x, with its backend for
 * FunctionFS, and this program in the place of the host that speaks to it. With DMA-BUFs, if
 * iiod was built with them (WITH_IIOD_USB_DMABUF), as the tests demand.
 *
 * iiod is not part of this: it has to be /bin/iiod, or what the environment variable IIOD names.
 */
#include "usb_test_gadget.h"

#include <signal.h>
#include <sys/wait.h>

#define SIZE		65536
#define NUM_BLOCKS	4
#define ROUNDS		16
#define DAC		"cf-ad9361-dds-core-lpc"

/* Endpoints of the first pipe */
#define IN	"ep1in"
#define OUT	"ep1out"

/* iiod's words: iiod-responder.h and iiod/usbd.c of libiio */
enum pipe_request {
	RESET_PIPES,
	OPEN_PIPE,
	CLOSE_PIPE,
};

enum opcode {
	OP_RESPONSE	= 0,
	OP_OPEN_BUFFER	= 17,
	OP_CLOSE_BUFFER	= 18,
	OP_ENABLE	= 19,
	OP_DISABLE	= 20,
	OP_CREATE_BLOCK	= 21,
	OP_FREE_BLOCK	= 22,
	OP_TRANSFER	= 23,
};

struct command {
	__le16 client;
	__u8 op;
	__u8 dev;
	__le32 code;
};

FIXTURE(iiod) {
	struct gadget g;
	pid_t pid;
	int in;			/* the host's end */
	int out;
	int dev;		/* number of the device */
};

FIXTURE_VARIANT(iiod) {
	const char *device;
	bool output;
};

FIXTURE_VARIANT_ADD(iiod, input) { "cf-ad9361-lpc", false };
FIXTURE_VARIANT_ADD(iiod, output) { DAC, true };

static const char *iiod_program(void)
{
	return getenv("IIOD") ?: "/bin/iiod";
}

static pid_t iiod_start(void)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	execl(iiod_program(), "iiod", "-F", GADGET_MOUNT, "-n", "2", NULL);
	_exit(127);
}

static int pipe_request(enum pipe_request request)
{
	return host_control(USB_TYPE_VENDOR | USB_RECIP_INTERFACE, request, 0, NULL, 0);
}

/* All of it, whatever the transfers are that it comes in */
static bool receive(int fd, void *data, size_t size)
{
	size_t got = 0;
	ssize_t ret;

	while (got < size) {
		ret = read(fd, (char *)data + got, size - got);
		if (ret <= 0)
			return false;
		got += ret;
	}

	return true;
}

static bool send_all(int fd, const void *data, size_t size)
{
	return write(fd, data, size) == (ssize_t)size;
}

/* The description of the context, in XML; NULL if there is none. */
static char *receive_context(int in, int out)
{
	char line[32] = "", *xml;
	long size;

	if (!send_all(out, "PRINT\r\n", 7) || read(in, line, sizeof(line) - 1) <= 0)
		return NULL;
	size = strtol(line, NULL, 10);
	if (size <= 0 || size > 1 << 20)
		return NULL;
	xml = calloc(1, size + 2);
	if (xml && !receive(in, xml, size + 1)) {
		free(xml);
		xml = NULL;
	}

	return xml;
}

/* The number of a device, by its name; -1 if there is none. */
static int number_of_device(const char *xml, const char *name)
{
	const char *end, *dev = xml;
	char text[64];
	int i;

	snprintf(text, sizeof(text), " name=\"%s\"", name);
	for (i = 0; (dev = strstr(dev, "<device ")); i++, dev = end) {
		end = strchr(dev, '>');
		if (!end)
			break;
		if (memmem(dev, end - dev, text, strlen(text)))
			return i;
	}

	return -1;
}

FIXTURE_SETUP(iiod)
{
	char *xml, byte[4] = "";

	if (access(iiod_program(), X_OK))
		SKIP_SETUP("no iiod");
	if (access(UDC_DIR "control", F_OK))
		SKIP_SETUP("no " UDC ", or no program can be its host");
	if (!merged_exists())
		SKIP_SETUP("no dummy devices");

	merged_reset();
	udc_reset();
	ASSERT_EQ(0, gadget_prepare(&self->g));
	self->pid = iiod_start();
	ASSERT_GT(self->pid, 0);
	ASSERT_EQ(0, symlink(GADGET_FUNCTION, GADGET_CONFIG "/ffs.iio-test"));
	/* Not before iiod has said what the function is */
	ASSERT_TRUE(wait_until(!gadget_bind(), WAIT_MS));
	ASSERT_TRUE(wait_until(udc_state_is("configured"), WAIT_MS));
	self->in = host_open(IN);
	self->out = host_open(OUT);
	ASSERT_GE(self->in, 0);
	ASSERT_GE(self->out, 0);

	ASSERT_EQ(0, pipe_request(RESET_PIPES));
	ASSERT_EQ(0, pipe_request(OPEN_PIPE));
	xml = receive_context(self->in, self->out);
	ASSERT_TRUE(xml != NULL);
	self->dev = number_of_device(xml, variant->device);
	free(xml);
	if (self->dev < 0)
		SKIP_SETUP("no such device");
	ASSERT_TRUE(send_all(self->out, "BINARY\r\n", 8));
	ASSERT_GT(read(self->in, byte, sizeof(byte)), 0);
	ASSERT_EQ('0', byte[0]);
}

FIXTURE_TEARDOWN(iiod)
{
	pipe_request(CLOSE_PIPE);
	host_close(IN, self->in);
	host_close(OUT, self->out);
	if (self->pid > 0) {
		kill(self->pid, SIGTERM);
		waitpid(self->pid, NULL, 0);
	}
	udc_reset();
	gadget_remove(&self->g);
}

static bool send_command(int out, const struct command *c, const void *data, size_t size)
{
	return send_all(out, c, sizeof(*c)) && (!size || send_all(out, data, size));
}

/* The code of the next answer, which has to be one of @client */
static int32_t answer(struct __test_metadata *_metadata, int in, unsigned int client)
{
	struct command c = { .op = 0xff };

	EXPECT_TRUE(receive(in, &c, sizeof(c)));
	EXPECT_EQ(OP_RESPONSE, c.op);
	EXPECT_EQ(client, le16toh(c.client));

	return (int32_t)le32toh(c.code);
}

#define COMMAND(_self, _op, _block)				\
	(struct command) {					\
		.client = htole16(_block),			\
		.op = _op,					\
		.dev = (_self)->dev,				\
		.code = htole32((uint32_t)(_block) << 16),	\
	}

static int32_t command(struct __test_metadata *_metadata,
		       const FIXTURE_DATA(iiod) *self, enum opcode op, int block,
		       const void *data, size_t size)
{
	const struct command c = COMMAND(self, op, block);

	EXPECT_TRUE(send_command(self->out, &c, data, size));

	return answer(_metadata, self->in, block);
}

static void transfer(struct __test_metadata *_metadata,
		     const FIXTURE_DATA(iiod) *self, int block)
{
	const struct command c = COMMAND(self, OP_TRANSFER, block);
	const __le64 size = htole64(SIZE);

	ASSERT_TRUE(send_command(self->out, &c, &size, sizeof(size)));
}

static void open_buffer(struct __test_metadata *_metadata,
			const FIXTURE_DATA(iiod) *self)
{
	const __le64 size = htole64(SIZE);
	__le32 mask = htole32(0xf);
	int i;

	ASSERT_EQ(sizeof(mask), command(_metadata, self, OP_OPEN_BUFFER, 0, &mask, sizeof(mask)));
	ASSERT_TRUE(receive(self->in, &mask, sizeof(mask)));
	EXPECT_EQ(0xf, le32toh(mask));
	for (i = 0; i < NUM_BLOCKS; i++)
		ASSERT_EQ(0, command(_metadata, self, OP_CREATE_BLOCK, i, &size, sizeof(size)));
	/* First, as its answer could come between that of a block and the samples otherwise */
	ASSERT_EQ(0, command(_metadata, self, OP_ENABLE, 0, NULL, 0));
}

static void close_buffer(struct __test_metadata *_metadata,
			 const FIXTURE_DATA(iiod) *self)
{
	int i;

	EXPECT_EQ(0, command(_metadata, self, OP_DISABLE, 0, NULL, 0));
	for (i = 0; i < NUM_BLOCKS; i++)
		EXPECT_EQ(0, command(_metadata, self, OP_FREE_BLOCK, i, NULL, 0));
	EXPECT_EQ(0, command(_metadata, self, OP_CLOSE_BUFFER, 0, NULL, 0));
}

/* The counter, out of the converter: each word of it, and of shared memory. */
static void expect_samples(struct __test_metadata *_metadata,
			   const FIXTURE_DATA(iiod) *self)
{
	static uint32_t data[SIZE / 4];
	bool started = false;
	uint32_t next = 0;
	int i;

	for (i = 0; i < NUM_BLOCKS; i++)
		transfer(_metadata, self, i);
	for (i = 0; i < ROUNDS * NUM_BLOCKS; i++) {
		ASSERT_EQ(SIZE, answer(_metadata, self->in, i % NUM_BLOCKS));
		ASSERT_TRUE(receive(self->in, data, SIZE));
		EXPECT_COUNTER(data, SIZE, &next, &started);
		if (i < (ROUNDS - 1) * NUM_BLOCKS)
			transfer(_metadata, self, i % NUM_BLOCKS);
	}
}

/* The same to the other converter, which looks at each word itself */
static void expect_sent(struct __test_metadata *_metadata,
			const FIXTURE_DATA(iiod) *self)
{
	long long jumps = fault_get("tx/jumps"), bytes = fault_get("tx/bytes");
	static __le32 data[SIZE / 4];
	uint32_t next = 0;
	int i, k;

	ASSERT_EQ(0, fault_set("tx/next", 0));
	for (i = 0; i < ROUNDS * NUM_BLOCKS; i++) {
		if (i >= NUM_BLOCKS)
			ASSERT_EQ(0, answer(_metadata, self->in, i % NUM_BLOCKS));
		for (k = 0; k < SIZE / 4; k++)
			data[k] = htole32(next++);
		transfer(_metadata, self, i % NUM_BLOCKS);
		ASSERT_TRUE(send_all(self->out, data, SIZE));
	}
	for (i = 0; i < NUM_BLOCKS; i++)
		ASSERT_EQ(0, answer(_metadata, self->in, i));
	EXPECT_EQ(bytes + (long long)ROUNDS * NUM_BLOCKS * SIZE, fault_get("tx/bytes"));
	EXPECT_EQ(jumps, fault_get("tx/jumps"));
}

TEST_F(iiod, shares_memory_with_usb)
{
	const char *mapped = variant->output ? OUT "/mapped" : IN "/mapped";
	long long before = udc_get(mapped);

	open_buffer(_metadata, self);
	if (variant->output)
		expect_sent(_metadata, self);
	else
		expect_samples(_metadata, self);
	/* Each block was a DMA-BUF to USB, too. */
	EXPECT_EQ(before + ROUNDS * NUM_BLOCKS, udc_get(mapped));
	close_buffer(_metadata, self);
}

IIO_TEST_MAIN
