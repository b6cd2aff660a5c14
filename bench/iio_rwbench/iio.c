// SPDX-License-Identifier: GPL-2.0
#include "iio.h"

#include "error.h"
#include "uapi.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEVICES "sys/bus/iio/devices"

#define starts_with(s, prefix) (!strncmp(s, prefix, sizeof(prefix) - 1))

static int read_attr(const char *dir, const char *attr, char *val, size_t size)
{
	char path[SYSFS_PATH];

	if (snprintf(path, sizeof(path), "%s/%s", dir, attr) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	return sysfs_read(path, val, size);
}

static int write_attr(const char *dir, const char *attr, const char *val)
{
	char path[SYSFS_PATH];

	if (snprintf(path, sizeof(path), "%s/%s", dir, attr) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	return sysfs_write(path, val);
}

static int write_attr_u64(const char *dir, const char *attr, uint64_t val)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, val);
	return write_attr(dir, attr, text);
}

static int save_attr(const char *dir, const char *attr)
{
	char path[SYSFS_PATH];

	if (snprintf(path, sizeof(path), "%s/%s", dir, attr) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	return sysfs_save(path);
}

/* Unbound from its driver, or unplugged: its folder goes with it */
static bool iio_went_away(const struct iio_dev *dev)
{
	return access(dev->dir, F_OK) && errno == ENOENT;
}

static int gone(const struct iio_dev *dev)
{
	/* Whatever else was said comes of that */
	fail_clear();
	return fail(ST_FAIL, "%s (%s) went away: it was unbound from its driver, or unplugged",
		    dev->name, dev->id);
}

/* Every refusal of sysfs comes through here: what, why, and what to do */
static int attr_failed(const struct iio_dev *dev, const char *what, int err)
{
	char users[128];

	if (iio_went_away(dev))
		return gone(dev);
	switch (-err) {
	case EROFS:
		return fail(ST_FAIL, "cannot set %s of %s: sysfs is mounted read-only, as in containers; mount -o remount,rw /sys, or run outside of it",
			    what, dev->name);
	case EACCES: case EPERM:
		return fail(ST_FAIL, "cannot set %s of %s: %s; run as root, or make its sysfs files writable",
			    what, dev->name, strerror(-err));
	case EBUSY:
		iio_used_by(dev, users, sizeof(users));
		return fail(ST_FAIL, "cannot set %s of %s: its buffer is in use%s, or was left enabled (echo 0 > %s/enable)",
			    what, dev->name, *users ? users : " by another process", dev->buf);
	default:
		return fail(ST_FAIL, "cannot set %s of %s: %s; the kernel log may say more (dmesg)",
			    what, dev->name, strerror(-err));
	}
}

enum holds { HOLDS_NOTHING, HOLDS_A_BUFFER, HOLDS_IT };

/* Has process @pid the node of the device open, or the buffer of some device? */
static enum holds holds(const struct iio_dev *dev, const char *pid)
{
	char dir[SYSFS_PATH], path[SYSFS_PATH + 256], target[SYSFS_PATH], node[IIO_NAME + 8];
	struct dirent *entry;
	enum holds found = HOLDS_NOTHING;
	ssize_t n;
	DIR *fds;

	snprintf(node, sizeof(node), "/dev/%s", dev->id);
	snprintf(dir, sizeof(dir), "%s/proc/%.32s/fd", dev->root, pid);
	fds = opendir(dir);
	while (fds && found != HOLDS_IT && (entry = readdir(fds))) {
		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		n = readlink(path, target, sizeof(target) - 1);
		if (n < 0)
			continue;
		target[n] = '\0';
		if (!strcmp(target, node))
			found = HOLDS_IT;
		else if (!strcmp(target, "anon_inode:iio:buffer"))
			found = HOLDS_A_BUFFER;
	}
	if (fds)
		closedir(fds);
	return found;
}

void iio_used_by(const struct iio_dev *dev, char *text, size_t size)
{
	char dir[SYSFS_PATH], attr[64], name[IIO_NAME];
	enum holds most = HOLDS_NOTHING, has;
	struct dirent *entry;
	DIR *proc;

	text[0] = '\0';
	snprintf(dir, sizeof(dir), "%s/proc", dev->root);
	proc = opendir(dir);
	while (proc && most != HOLDS_IT && (entry = readdir(proc))) {
		if (entry->d_name[0] < '0' || entry->d_name[0] > '9' ||
		    strtol(entry->d_name, NULL, 10) == getpid())
			continue;
		has = holds(dev, entry->d_name);
		if (has <= most)
			continue;
		most = has;
		snprintf(attr, sizeof(attr), "%.32s/comm", entry->d_name);
		if (read_attr(dir, attr, name, sizeof(name)))
			strcpy(name, "a program");
		snprintf(text, size, "%s by %s (process %.32s)",
			 has == HOLDS_IT ? "" : ", perhaps", name, entry->d_name);
	}
	if (proc)
		closedir(proc);
}

unsigned int iio_parse_type(const char *type)
{
	unsigned int real, storage, repeat = 1;
	char endian, sign;

	if (sscanf(type, "%ce:%c%u/%u", &endian, &sign, &real, &storage) != 4)
		return 0;
	if ((endian != 'l' && endian != 'b') || !storage || storage % 8 ||
	    storage > 1024 || real > storage)
		return 0;

	type = strchr(type, 'X');
	if (type && (sscanf(type, "X%u", &repeat) != 1 || !repeat ||
		     repeat > 1024))
		return 0;

	/* A vector of three takes the place of four (7.3; before, no driver had any of three) */
	while (repeat & (repeat - 1))
		repeat++;
	return storage / 8 * repeat;
}

/* The kernel's ALIGN(), also where @to is no power of two, as of 24 bits */
static unsigned int align_up(unsigned int val, unsigned int to)
{
	return (val + to - 1) & ~(to - 1);
}

/*
 * Mirrors iio_compute_scan_bytes(): each element aligned to its own size, and the
 * timestamp last whatever its index is.
 */
unsigned int iio_scan_size(const struct iio_dev *dev)
{
	unsigned int bytes = 0, largest = 1;
	size_t i;

	for (i = 0; i < dev->nchan; i++) {
		const struct iio_chan *c = &dev->chan[i];

		if (!c->selected)
			continue;
		bytes = align_up(bytes, c->bytes) + c->bytes;
		if (c->bytes > largest)
			largest = c->bytes;
	}

	return align_up(bytes, largest);
}

static bool is_timestamp(const struct iio_chan *c)
{
	return !strcmp(c->id, "timestamp");
}

/* What the files of its channels begin with */
static const char *prefix(const struct iio_dev *dev)
{
	return dev->output ? "out_" : "in_";
}

static void chan_attr(const struct iio_dev *dev, const struct iio_chan *c, const char *what,
		      char *attr, size_t size)
{
	snprintf(attr, size, "%s%s_%s", prefix(dev), c->id, what);
}

static int by_index(const void *a, const void *b)
{
	const struct iio_chan *x = a, *y = b;
	int last = is_timestamp(x) - is_timestamp(y);

	if (last)
		return last;
	return (x->index > y->index) - (x->index < y->index);
}

/* @file is in_voltage0_en, or out_voltage0_en */
static int add_channel(struct iio_dev *dev, const char *file)
{
	size_t len = strlen(file) - strlen(prefix(dev)) - strlen("_en");
	char attr[IIO_NAME + 16], val[SYSFS_VALUE];
	struct iio_chan *c;

	if (dev->nchan == IIO_MAX_CHANNELS || len >= IIO_NAME)
		return fail(ST_FAIL, "%s has more or longer channels than %s can hold",
			    dev->name, "this program");

	c = &dev->chan[dev->nchan];
	memset(c, 0, sizeof(*c));
	memcpy(c->id, file + strlen(prefix(dev)), len);

	chan_attr(dev, c, "type", attr, sizeof(attr));
	if (!read_attr(dev->buf, attr, val, sizeof(val)))
		c->bytes = iio_parse_type(val);
	if (!c->bytes)
		return fail(ST_FAIL, "%s/%s cannot be understood", dev->buf, attr);

	chan_attr(dev, c, "index", attr, sizeof(attr));
	if (!read_attr(dev->buf, attr, val, sizeof(val)))
		c->index = (unsigned int)strtoul(val, NULL, 10);

	chan_attr(dev, c, "label", attr, sizeof(attr));
	read_attr(dev->dir, attr, c->label, sizeof(c->label));

	dev->nchan++;
	return 0;
}

static int no_buffer(const struct iio_dev *dev)
{
	char there[256] = "";
	struct dirent *entry;
	unsigned int n;
	DIR *dir;

	dir = opendir(dev->dir);
	while (dir && (entry = readdir(dir)))
		if (sscanf(entry->d_name, "buffer%u", &n) == 1)
			list_add(there, sizeof(there), "%u", n);
	if (dir)
		closedir(dir);
	return fail(ST_MISSING, "%s (%s) has no buffer %u; %s%s", dev->name, dev->id,
		    dev->buffer_index, *there ? "it has: " :
		    "it has none at all, so samples can only be read one by one, from its sysfs files",
		    there);
}

static int read_channels(struct iio_dev *dev)
{
	struct dirent *entry;
	int ret = 0;
	DIR *dir;

	dir = opendir(dev->buf);
	if (!dir)
		return no_buffer(dev);

	while (!ret && (entry = readdir(dir))) {
		const char *name = entry->d_name;
		size_t len = strlen(name);

		if (!strncmp(name, prefix(dev), strlen(prefix(dev))) &&
		    len > strlen(prefix(dev)) + 3 && !strcmp(name + len - 3, "_en"))
			ret = add_channel(dev, name);
	}
	closedir(dir);
	if (ret)
		return ret;

	qsort(dev->chan, dev->nchan, sizeof(dev->chan[0]), by_index);
	return 0;
}

static int open_devices(const char *root, char *path, size_t size, DIR **dir)
{
	if (snprintf(path, size, "%s/" DEVICES, root) >= (int)size)
		return fail(ST_USAGE, "--root: the path is too long");

	*dir = opendir(path);
	if (!*dir)
		return fail(ST_MISSING, "%s: %s; is the IIO subsystem loaded?",
			    path, strerror(errno));
	return 0;
}

static void read_names(const char *devices, const char *id, char *name,
		       char *label)
{
	char dir[SYSFS_PATH];

	name[0] = label[0] = '\0';
	if (snprintf(dir, sizeof(dir), "%s/%s", devices, id) >= (int)sizeof(dir))
		return;
	read_attr(dir, "name", name, IIO_NAME);
	read_attr(dir, "label", label, IIO_NAME);
}

static bool matches(const char *wanted, const char *a, const char *b,
		    const char *c)
{
	return !strcmp(wanted, a) || (*b && !strcmp(wanted, b)) ||
	       (*c && !strcmp(wanted, c));
}

/* An id is unique; a name or a label need not be */
static int find_id(struct iio_dev *dev, const char *devices, DIR *dir,
		   const char *wanted)
{
	char name[IIO_NAME], label[IIO_NAME], there[512] = "", called[256] = "";
	struct dirent *entry;
	unsigned int n = 0;
	bool is_id;

	while ((entry = readdir(dir))) {
		if (!starts_with(entry->d_name, "iio:device") ||
		    strlen(entry->d_name) >= IIO_NAME)
			continue;

		read_names(devices, entry->d_name, name, label);
		list_add(there, sizeof(there), "%s (%s)", name, entry->d_name);
		is_id = !strcmp(wanted, entry->d_name);
		if (!is_id && !matches(wanted, name, label, ""))
			continue;
		list_add(called, sizeof(called), "%s", entry->d_name);
		if (n++ && !is_id)
			continue;
		strcpy(dev->id, entry->d_name);
		strcpy(dev->name, *name ? name : dev->id);
		strcpy(dev->label, label);
		if (is_id)
			return 0;
	}
	if (n == 1)
		return 0;
	if (n)
		return fail(ST_USAGE, "%u IIO devices are called \"%s\": name the one that you mean by its id (%s)",
			    n, wanted, called);

	return fail(ST_FAIL, "no IIO device \"%s\"; there %s%s", wanted,
		    *there ? "is: " : "is none at all", there);
}

int iio_find(struct iio_dev *dev, const char *root, const char *wanted,
	     unsigned int buffer_index)
{
	char devices[SYSFS_PATH / 2 - IIO_NAME], val[SYSFS_VALUE];
	DIR *dir;
	int ret;

	memset(dev, 0, sizeof(*dev));
	dev->buffer_index = buffer_index;
	ret = open_devices(root, devices, sizeof(devices), &dir);
	if (ret)
		return ret;
	ret = find_id(dev, devices, dir, wanted);
	closedir(dir);
	if (ret)
		return ret;

	snprintf(dev->root, sizeof(dev->root), "%s", root);
	snprintf(dev->dir, sizeof(dev->dir), "%s/%s", devices, dev->id);
	snprintf(dev->buf, sizeof(dev->buf), "%s/buffer%u", dev->dir, buffer_index);
	snprintf(dev->old_buf, sizeof(dev->old_buf), "%s/buffer", dev->dir);
	snprintf(dev->node, sizeof(dev->node), "%s/dev/%s", root, dev->id);

	dev->output = !read_attr(dev->buf, "direction", val, sizeof(val)) &&
		      !strcmp(val, "out");

	dev->length_align = 1;
	if (!read_attr(dev->buf, "length_align_bytes", val, sizeof(val)) &&
	    strtoull(val, NULL, 10))
		dev->length_align = strtoull(val, NULL, 10);

	return read_channels(dev);
}

/* By its id; or by its label, of which there may be *@n */
static struct iio_chan *find_channel(struct iio_dev *dev, const char *name, unsigned int *n)
{
	struct iio_chan *found = NULL;
	size_t i;

	*n = 0;
	for (i = 0; i < dev->nchan; i++) {
		struct iio_chan *c = &dev->chan[i];

		if (!strcmp(name, c->id))
			return c;
		if (*c->label && !strcmp(name, c->label)) {
			found = c;
			++*n;
		}
	}
	return found;
}

static int select_one(struct iio_dev *dev, const char *name)
{
	char there[512] = "";
	struct iio_chan *found;
	unsigned int n;
	size_t i;

	if (!strncmp(name, prefix(dev), strlen(prefix(dev))))
		name += strlen(prefix(dev));

	found = find_channel(dev, name, &n);
	if (n > 1)
		return fail(ST_USAGE, "%u channels of %s are called \"%s\": use their ids, such as %s",
			    n, dev->name, name, found->id);
	if (found && found->selected)
		return fail(ST_USAGE, "channel %s of %s is named twice", found->id, dev->name);
	if (found) {
		found->selected = true;
		return 0;
	}
	for (i = 0; i < dev->nchan; i++)
		list_add(there, sizeof(there), dev->chan[i].label[0] ? "%s (%s)" : "%s",
			 dev->chan[i].id, dev->chan[i].label);

	return fail(ST_FAIL, "%s has no %sput channel \"%s\"; it has: %s%s",
		    dev->name, dev->output ? "out" : "in", name, *there ? there : "none",
		    strchr(name, ',') ? " (channels are words of their own, without commas)" : "");
}

int iio_select(struct iio_dev *dev, char *const *names, size_t n)
{
	size_t i;
	int ret;

	for (i = 0; i < n; i++) {
		ret = select_one(dev, names[i]);
		if (ret)
			return ret;
	}
	dev->named = n;
	for (i = 0; !n && i < dev->nchan; i++)
		dev->chan[i].selected = true;

	for (i = 0; n == 1 && i < dev->nchan; i++)
		if (dev->chan[i].selected && is_timestamp(&dev->chan[i]))
			return fail(ST_USAGE, "a timestamp alone is no sample: name a channel of %s beside it",
				    dev->name);

	dev->scan_bytes = iio_scan_size(dev);
	if (!dev->scan_bytes)
		return fail(ST_FAIL, "%s has no %sput channels", dev->name,
			    dev->output ? "out" : "in");
	return 0;
}

static void list_triggers(const char *root, char *list, size_t size)
{
	char devices[SYSFS_PATH / 2], name[IIO_NAME], label[IIO_NAME];
	struct dirent *entry;
	DIR *dir;

	snprintf(devices, sizeof(devices), "%s/" DEVICES, root);
	dir = opendir(devices);
	while (dir && (entry = readdir(dir))) {
		if (!starts_with(entry->d_name, "trigger"))
			continue;
		read_names(devices, entry->d_name, name, label);
		list_add(list, size, "%s (%s)", name, entry->d_name);
	}
	if (dir)
		closedir(dir);
}

/* 0 or -ENOENT */
static int look_up_trigger(const char *root, const char *wanted, char *path, size_t size,
			   char *name)
{
	char devices[SYSFS_PATH / 2], label[IIO_NAME];
	struct dirent *entry;
	int ret = -ENOENT;
	DIR *dir;

	snprintf(devices, sizeof(devices), "%s/" DEVICES, root);
	dir = opendir(devices);
	while (dir && ret && (entry = readdir(dir))) {
		if (!starts_with(entry->d_name, "trigger"))
			continue;
		read_names(devices, entry->d_name, name, label);
		if (!matches(wanted, entry->d_name, name, label))
			continue;
		if (snprintf(path, size, "%s/%s", devices, entry->d_name) < (int)size)
			ret = 0;
	}
	if (dir)
		closedir(dir);
	return ret;
}

/* The newer name first, as iio_rwdev does; many triggers have no rate */
static const char *const trigger_rates[] = { "sampling_frequency", "frequency" };

static int set_trigger_rate(struct iio_dev *dev, const char *path, uint64_t rate)
{
	int ret;

	ret = write_attr_u64(path, trigger_rates[0], rate);
	if (ret == -ENOENT)
		ret = write_attr_u64(path, trigger_rates[1], rate);
	/* The default is ours, and any other will do */
	if ((ret == -EINVAL || ret == -ERANGE) && !dev->expected_rate)
		return 0;
	if (ret == -EINVAL || ret == -ERANGE)
		return fail(ST_FAIL, "-r: the trigger refuses a rate of %" PRIu64 " Hz", rate);
	return ret && ret != -ENOENT ? attr_failed(dev, "the trigger rate", ret) : 0;
}

static int set_trigger(struct iio_dev *dev, const char *wanted, uint64_t rate)
{
	char name[IIO_NAME], path[SYSFS_PATH], there[512] = "";
	int ret = 0;

	if (look_up_trigger(dev->root, wanted, path, sizeof(path), name)) {
		list_triggers(dev->root, there, sizeof(there));
		return fail(ST_FAIL, "no trigger \"%s\"; there %s%s", wanted,
			    *there ? "is: " : "is none at all", there);
	}
	if (rate)
		ret = set_trigger_rate(dev, path, rate);
	if (ret)
		return ret;

	ret = write_attr(dev->dir, "trigger/current_trigger", name);
	if (ret == -ENOENT)
		return fail(ST_USAGE, "-t: %s takes no trigger, it samples by itself",
			    dev->name);
	if (ret == -EINVAL)
		return fail(ST_FAIL, "-t: %s does not take \"%s\" as its trigger",
			    dev->name, name);
	return ret ? attr_failed(dev, "the trigger", ret) : 0;
}

/* The one that is set: 0, or -ENOENT if there is none */
static int current_trigger(const struct iio_dev *dev, char *path, size_t size)
{
	char wanted[SYSFS_VALUE], name[IIO_NAME];

	if (read_attr(dev->dir, "trigger/current_trigger", wanted, sizeof(wanted)) ||
	    !*wanted)
		return -ENOENT;
	return look_up_trigger(dev->root, wanted, path, size, name);
}

/* It takes a trigger to give samples, and has none */
static bool lacks_trigger(const struct iio_dev *dev)
{
	char val[SYSFS_VALUE];

	return !read_attr(dev->dir, "trigger/current_trigger", val, sizeof(val)) && !*val;
}

/* sampling_frequency of the device, of its voltage channels, or of the first */
static int rate_attr(const struct iio_dev *dev, char *attr, size_t size)
{
	static const char *const names[] = {
		"", "sampling_frequency", "voltage_sampling_frequency",
	};
	char val[SYSFS_VALUE];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(attr, size, "%s%s", i ? prefix(dev) : "sampling_frequency", names[i]);
		if (!read_attr(dev->dir, attr, val, sizeof(val)))
			return 0;
	}
	for (i = 0; i < dev->nchan; i++) {
		chan_attr(dev, &dev->chan[i], "sampling_frequency", attr, size);
		if (dev->chan[i].selected &&
		    !read_attr(dev->dir, attr, val, sizeof(val)))
			return 0;
	}

	return -ENOENT;
}

uint64_t iio_rate(const struct iio_dev *dev)
{
	char attr[IIO_NAME + 32], path[SYSFS_PATH];
	uint64_t rate;

	if (rate_attr(dev, attr, sizeof(attr)))
		return 0;
	snprintf(path, sizeof(path), "%s/%s", dev->dir, attr);
	return sysfs_read_u64(path, &rate) ? 0 : rate;
}

uint64_t iio_sample_rate(const struct iio_dev *dev)
{
	char path[SYSFS_PATH], file[SYSFS_PATH + 32];
	uint64_t rate;
	size_t i;

	if (current_trigger(dev, path, sizeof(path)))
		return iio_rate(dev);
	for (i = 0; i < 2; i++) {
		snprintf(file, sizeof(file), "%s/%s", path, trigger_rates[i]);
		if (!sysfs_read_u64(file, &rate) && rate)
			return rate;
	}
	return 0;
}

uint64_t iio_expected_rate(const struct iio_dev *dev)
{
	uint64_t rate = dev->expected_rate ? dev->expected_rate : iio_sample_rate(dev);

	return rate ? rate : iio_rate(dev);
}

void iio_rate_text(const struct iio_dev *dev, char *text, size_t size)
{
	uint64_t rate = iio_sample_rate(dev);
	char path[SYSFS_PATH];
	bool triggered = !current_trigger(dev, path, sizeof(path));

	if (rate)
		snprintf(text, size, "%s sampling_frequency %" PRIu64,
			 triggered ? "its trigger has" : "it has", rate);
	else
		snprintf(text, size, triggered ?
			 "its trigger has no rate, so somebody has to fire it" :
			 "it has no sampling_frequency, or it is 0");
}

bool iio_has_rate(const struct iio_dev *dev)
{
	char attr[IIO_NAME + 32];

	return !rate_attr(dev, attr, sizeof(attr));
}

uint64_t iio_parse_available(const char *text)
{
	uint64_t val, max = 0;
	char *end;

	while (*text) {
		if (*text < '0' || *text > '9') {
			text++;
			continue;
		}
		val = strtoull(text, &end, 10);
		if (val > max)
			max = val;
		/* What is behind the point is no number of its own */
		text = end + strcspn(end, " ]");
	}
	return max;
}

uint64_t iio_rate_available(const struct iio_dev *dev)
{
	char attr[IIO_NAME + 32], list[IIO_NAME + 48], val[4096];

	if (rate_attr(dev, attr, sizeof(attr)))
		return 0;
	snprintf(list, sizeof(list), "%s_available", attr);
	return read_attr(dev->dir, list, val, sizeof(val)) ? 0 :
	       iio_parse_available(val);
}

/* A file that not even root may write to */
static bool is_fixed(const char *dir, const char *attr)
{
	char path[SYSFS_PATH];
	struct stat st;

	return snprintf(path, sizeof(path), "%s/%s", dir, attr) < (int)sizeof(path) &&
	       !stat(path, &st) && !(st.st_mode & (S_IWUSR | S_IWGRP | S_IWOTH));
}

int iio_set_rate(struct iio_dev *dev, uint64_t rate, bool *taken)
{
	char attr[IIO_NAME + 32];
	int ret;

	*taken = false;
	if (rate_attr(dev, attr, sizeof(attr)))
		return fail(ST_FAIL, "%s has no sampling_frequency", dev->name);

	ret = write_attr_u64(dev->dir, attr, rate);
	if (ret == -EINVAL || ret == -ERANGE)
		return 0;
	if (ret == -EACCES && is_fixed(dev->dir, attr))
		return fail(ST_FAIL, "the sampling_frequency of %s is fixed at %" PRIu64 " Hz: nobody can set it",
			    dev->name, iio_rate(dev));
	*taken = !ret;
	return ret ? attr_failed(dev, attr, ret) : 0;
}

static void rates_there(const struct iio_dev *dev, char *list, size_t size)
{
	char attr[IIO_NAME + 32], file[IIO_NAME + 48];

	if (rate_attr(dev, attr, sizeof(attr)))
		return;
	snprintf(file, sizeof(file), "%s_available", attr);
	if (read_attr(dev->dir, file, list, size))
		list[0] = '\0';
}

static int set_rate(struct iio_dev *dev, uint64_t rate)
{
	char list[SYSFS_VALUE] = "";
	bool taken;
	int ret;

	ret = iio_set_rate(dev, rate, &taken);
	if (ret || taken)
		return ret;
	rates_there(dev, list, sizeof(list));
	return fail(ST_FAIL, "--rate: %s refuses a sampling_frequency of %" PRIu64 "%s%s",
		    dev->name, rate, *list ? "; it has: " : "", list);
}

static int switch_channel(struct iio_dev *dev, const struct iio_chan *c, const char *val)
{
	char attr[IIO_NAME + 16];

	chan_attr(dev, c, "en", attr, sizeof(attr));
	return write_attr(dev->buf, attr, val);
}

static int channel_failed(const struct iio_dev *dev, const struct iio_chan *c, int err)
{
	char attr[IIO_NAME + 16], with[256] = "";
	size_t i;

	for (i = 0; i < dev->nchan && &dev->chan[i] != c; i++)
		if (dev->chan[i].selected)
			list_add(with, sizeof(with), "%s", dev->chan[i].id);
	if (err == -EINVAL && *with)
		return fail(ST_FAIL, "%s does not take %s together with %s: its driver allows one channel at a time, or only some combinations",
			    dev->name, c->id, with);
	chan_attr(dev, c, "en", attr, sizeof(attr));
	return attr_failed(dev, attr, err);
}

/*
 * All off first: a device that takes one channel at a time, or only some together, would
 * refuse what is wanted because of what is not. Then on, and of channels that nobody has
 * named those that the device refuses are left out.
 */
static int set_channels(struct iio_dev *dev)
{
	size_t i;
	int ret;

	for (i = 0; i < dev->nchan; i++) {
		ret = switch_channel(dev, &dev->chan[i], "0");
		if (ret)
			return channel_failed(dev, &dev->chan[i], ret);
	}
	for (i = 0; i < dev->nchan; i++) {
		struct iio_chan *c = &dev->chan[i];

		if (!c->selected)
			continue;
		ret = switch_channel(dev, c, "1");
		if (ret == -EINVAL && !dev->named) {
			c->selected = false;
			list_add(dev->left_out, sizeof(dev->left_out), "%s", c->id);
		} else if (ret) {
			return channel_failed(dev, c, ret);
		}
	}
	dev->scan_bytes = iio_scan_size(dev);
	return dev->scan_bytes ? 0 : fail(ST_FAIL, "%s takes none of its channels into a buffer",
					  dev->name);
}

bool iio_is_enabled(const struct iio_dev *dev)
{
	char val[SYSFS_VALUE];

	return !read_attr(dev->buf, "enable", val, sizeof(val)) &&
	       !strcmp(val, "1");
}

int iio_check_there(const struct iio_dev *dev)
{
	return iio_went_away(dev) ? gone(dev) : 0;
}

int iio_check_enabled(const struct iio_dev *dev)
{
	char val[SYSFS_VALUE];
	int ret;

	ret = read_attr(dev->buf, "enable", val, sizeof(val));
	if (!ret && !strcmp(val, "1"))
		return 0;
	if (iio_went_away(dev))
		return gone(dev);
	if (ret)
		return fail(ST_FAIL, "cannot tell whether the buffer of %s is still enabled: %s",
			    dev->name, strerror(-ret));
	return fail(ST_FAIL, "the buffer of %s was disabled during the run, by another process or because the device failed: the figures are void",
		    dev->name);
}

static int watch_writes(const char *path)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (fd < 0 || inotify_add_watch(fd, path, IN_MODIFY) >= 0)
		return fd;
	close(fd);
	return -1;
}

/*
 * What is written to a file of sysfs is gone as soon as something else is. inotify tells of the
 * write, if it is made through the same mount. To truncate the file, as shells do first, leaves
 * a time, which is that of all mounts; the file is kept open, since the kernel forgets the time
 * of what nobody uses. Of buffer 0 there is a file as old programs know it.
 */
void iio_watch_prepare(const struct iio_dev *dev, struct iio_watch *w)
{
	char path[SYSFS_PATH];
	int i;

	for (i = 0; i < 2; i++) {
		w->fd[i] = w->events[i] = -1;
		if ((i && dev->buffer_index) ||
		    snprintf(path, sizeof(path), "%s/enable", i ? dev->old_buf : dev->buf) >=
		    (int)sizeof(path))
			continue;
		w->fd[i] = open(path, O_RDONLY | O_CLOEXEC);
		w->events[i] = watch_writes(path);
	}
}

/* What we have written is no news */
static void drop_events(int events)
{
	char list[1024];
	ssize_t n;

	n = read(events, list, sizeof(list));
	(void)n;
}

void iio_watch_begin(struct iio_watch *w)
{
	struct stat st;
	int i;

	for (i = 0; i < 2; i++) {
		if (w->events[i] >= 0)
			drop_events(w->events[i]);
		if (w->fd[i] >= 0 && !fstat(w->fd[i], &st))
			w->written[i] = st.st_mtim;
	}
}

/* The events stay where they are, for the next look */
static bool was_written(const struct iio_watch *w, int i)
{
	struct stat st;
	int bytes = 0;

	if (w->events[i] >= 0 && !ioctl(w->events[i], FIONREAD, &bytes) && bytes)
		return true;
	return w->fd[i] >= 0 && !fstat(w->fd[i], &st) &&
	       (st.st_mtim.tv_sec != w->written[i].tv_sec ||
		st.st_mtim.tv_nsec != w->written[i].tv_nsec);
}

int iio_watch_check(const struct iio_dev *dev, const struct iio_watch *w)
{
	int i;

	for (i = 0; i < 2; i++) {
		if (!was_written(w, i))
			continue;
		/* As with gone() */
		fail_clear();
		return fail(ST_FAIL, "another process switched the buffer of %s off or on during the run (%s/enable was written to): the figures are void; stop that process",
			    dev->name, i ? dev->old_buf : dev->buf);
	}
	return 0;
}

void iio_watch_end(struct iio_watch *w)
{
	int i;

	for (i = 0; i < 2; i++) {
		if (w->fd[i] >= 0)
			close(w->fd[i]);
		if (w->events[i] >= 0)
			close(w->events[i]);
		w->fd[i] = w->events[i] = -1;
	}
}

static int set_rates(struct iio_dev *dev, const struct iio_settings *set)
{
	char path[SYSFS_PATH];
	int ret = 0;

	if (set->rate)
		ret = set_rate(dev, *set->rate);
	if (!ret && set->trigger)
		return set_trigger(dev, set->trigger, set->trigger_rate);
	if (!ret && set->trigger_rate && !current_trigger(dev, path, sizeof(path)))
		ret = set_trigger_rate(dev, path, set->trigger_rate);
	return ret;
}

int iio_setup(struct iio_dev *dev, const struct iio_settings *set)
{
	char users[128];
	int ret;

	if (iio_is_enabled(dev)) {
		iio_used_by(dev, users, sizeof(users));
		return fail(ST_FAIL, "the buffer of %s is busy: it is enabled%s, or was left so (echo 0 > %s/enable)",
			    dev->name, *users ? users : " by another process", dev->buf);
	}

	/* Setting the length changes the watermark: bring this one back last */
	save_attr(dev->buf, "watermark");
	save_attr(dev->buf, "length");

	dev->expected_rate = set->expect_rate ? set->trigger_rate : 0;
	ret = set_rates(dev, set);
	if (!ret)
		ret = set_channels(dev);
	return ret;
}

int iio_set_block(struct iio_dev *dev, uint64_t block_samples, unsigned int blocks)
{
	int ret;

	ret = write_attr_u64(dev->buf, "length", blocks * block_samples);
	if (ret == -EBUSY || ret == -ENOMEM)
		return attr_failed(dev, "the buffer length", ret);

	/* Both may be fixed, which costs read() nothing but system calls */
	write_attr_u64(dev->buf, "watermark", block_samples);
	return 0;
}

static uint64_t buffer_u64(const struct iio_dev *dev, const char *attr)
{
	char path[SYSFS_PATH];
	uint64_t val;

	snprintf(path, sizeof(path), "%s/%s", dev->buf, attr);
	return sysfs_read_u64(path, &val) ? 0 : val;
}

uint64_t iio_length(const struct iio_dev *dev)
{
	return buffer_u64(dev, "length");
}

uint64_t iio_available(const struct iio_dev *dev)
{
	return buffer_u64(dev, "data_available");
}

static int busy_buffer(const struct iio_dev *dev)
{
	char users[128];

	iio_used_by(dev, users, sizeof(users));
	return fail(ST_FAIL, "buffer %u of %s is busy: it is open%s", dev->buffer_index,
		    dev->name, *users ? users : " by another process");
}

/* In containers the node is missing, or forbidden to root as well */
static const char *node_hint(int err)
{
	switch (err) {
	case EACCES:
		return "; run as root, or ask for access to it";
	case EPERM:
		return "; a container has to be given the device (--device)";
	case ENOENT: case ENXIO: case ENODEV:
		return "; the device is there, its node is not: udev or devtmpfs makes it, and a container has to be given it (--device)";
	case EBUSY:
		return "; it is open";
	default:
		return "";
	}
}

static int get_fd_failed(const struct iio_dev *dev, int err)
{
	switch (err) {
	case EBUSY:
		return busy_buffer(dev);
	case ENODEV:
		return fail(ST_FAIL, "%s has no buffer %u", dev->name, dev->buffer_index);
	case ENOTTY: case EINVAL:
		return fail(ST_MISSING, "this kernel does not hand out the buffer of %s: %s; Linux 5.12 or newer is needed",
			    dev->name, strerror(err));
	case EMFILE:
		return fail(ST_FAIL, "cannot open the buffer of %s: this program may have no more open files; raise ulimit -n",
			    dev->name);
	default:
		return fail(ST_FAIL, "cannot open the buffer of %s: %s; the kernel log may say more (dmesg)",
			    dev->name, strerror(err));
	}
}

int iio_open_buffer(const struct iio_dev *dev, int *fd)
{
	int node, arg = (int)dev->buffer_index;
	char users[128];

	node = open(dev->node, (dev->output ? O_WRONLY : O_RDONLY) | O_CLOEXEC | O_NONBLOCK);
	if (node < 0) {
		int err = errno;

		iio_used_by(dev, users, sizeof(users));
		return fail(ST_FAIL, "cannot open %s: %s%s%s", dev->node, strerror(err),
			    node_hint(err),
			    err != EBUSY ? "" : *users ? users : " by another process");
	}

	if (ioctl(node, IIO_BUFFER_GET_FD_IOCTL, &arg)) {
		int err = errno;

		close(node);
		return get_fd_failed(dev, err);
	}

	close(node);
	*fd = arg;
	return 0;
}

static void list_selected(const struct iio_dev *dev, char *list, size_t size)
{
	size_t i;

	for (i = 0; i < dev->nchan; i++)
		if (dev->chan[i].selected)
			list_add(list, size, "%s", dev->chan[i].id);
}

/* EINVAL has many reasons. What can be seen of them is looked at. */
static int enable_refused(const struct iio_dev *dev, uint64_t block_bytes)
{
	char there[384] = "", on[256] = "";

	if (lacks_trigger(dev)) {
		list_triggers(dev->root, there, sizeof(there));
		return fail(ST_FAIL, "%s needs a trigger, and has none: name one with -t; there %s%s",
			    dev->name, *there ? "is: " : "is none yet (CONFIG_IIO_HRTIMER_TRIGGER makes some, in configfs)",
			    there);
	}
	list_selected(dev, on, sizeof(on));
	return fail(ST_FAIL, "%s cannot be enabled with %s and blocks of %" PRIu64 " bytes: its driver may know only some combinations of channels, so try all of them or another choice, or it needs another -b",
		    dev->name, on, block_bytes);
}

int iio_enable(struct iio_dev *dev, uint64_t block_bytes)
{
	int ret;

	ret = write_attr(dev->buf, "enable", "1");
	if (ret == -ENOMEM)
		return fail(ST_FAIL, "%s cannot allocate blocks of %" PRIu64 " bytes in one piece; use smaller blocks, or give the kernel more contiguous memory (cma=)",
			    dev->name, block_bytes);
	if (ret == -EINVAL)
		return enable_refused(dev, block_bytes);
	return ret ? attr_failed(dev, "enable", ret) : 0;
}

int iio_disable(struct iio_dev *dev)
{
	int ret;

	ret = write_attr(dev->buf, "enable", "0");
	return ret ? attr_failed(dev, "enable", ret) : 0;
}

void iio_examples(FILE *out, const char *root)
{
	char devices[SYSFS_PATH / 2 - IIO_NAME];
	static struct iio_dev dev;
	struct dirent *entry;
	DIR *dir;

	if (open_devices(root, devices, sizeof(devices), &dir))
		return;

	while ((entry = readdir(dir))) {
		if (!starts_with(entry->d_name, "iio:device") ||
		    iio_find(&dev, root, entry->d_name, 0) || !dev.nchan)
			continue;
		fprintf(out, "Example: iio_rwbench -b 4096 -B%s %s\n",
			dev.output ? " -w" : "", dev.name);
		fprintf(out, "Example: iio_rwbench -b 256 -s 1024%s %s %s\n",
			dev.output ? " -w" : "", dev.name, dev.chan[0].id);
	}
	closedir(dir);
}
