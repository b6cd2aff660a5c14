# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the scripts in ci/ share. Sourced, never run:
#
#     set -euo pipefail
#     . "$(dirname "$(readlink -f "$0")")/lib.sh"
#
# Paths: $root is the checkout, $BUILD everything fetched or built, $cache
# what outlives a checkout. Nothing may depend on the cache being there. $QEMU
# is the emulator of the guests and of the board.

# shellcheck disable=SC2034  # used by the scripts that source this
{
prog=$(basename "$0")
root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
BUILD=${BUILD:-$root/build}
[[ $BUILD = /* ]] || BUILD=$PWD/$BUILD
QEMU=${QEMU:-qemu-system-aarch64}
cache=${IIO_DMABUF_CACHE:-${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/iio-dmabuf}
# Where the programs of the guest come from, whichever Debian this machine has
guest_suites=(bookworm bookworm-security)
branch=iio-dmabuf
# Which base, and with it which series, what is below is about
base=6.1
base_ref=refs/tags/base
# What ci/tree put on the branch: anything else there is somebody's work.
applied_ref=refs/iio-dmabuf/applied
}

# Scripts compare and cut text: no locale may change what tools print.
export LC_ALL=C
unset CDPATH GREP_OPTIONS

# One sentence that says what is wrong and what to do.
die() {
	printf '%s: %s\n' "$prog" "$*" >&2
	exit 1
}

note() {
	printf '%s: %s\n' "$prog" "$*" >&2
}

# Detail for whoever asked for it (V=1), so that success stays quiet.
detail() {
	[[ ${V:-0} = 0 ]] || note "$@"
}

# need COMMAND [DEBIAN-PACKAGE]
need() {
	command -v "$1" >/dev/null && return
	die "$1 is missing; as root: apt-get install ${2:-$1}"
}

# limit SECONDS COMMAND...: status 124 when the time was up. The command
# gets ten seconds to clean up behind itself before it is killed.
limit() {
	timeout --kill-after=10 "$@"
}

# need_space DIRECTORY MIB
need_space() {
	local dir=$1 want=$2 have

	mkdir -p "$dir" || die "cannot create $dir"
	have=$(df --output=avail -B1M "$dir" | tail -n 1)
	(( have >= want )) ||
		die "$dir has $((have)) MiB free, $want are needed:" \
		    "make room or set BUILD= to another disk"
}

# A scratch directory of the script, gone with it however it ends.
scratch() {
	[[ -z ${scratch_dir:-} ]] || return 0
	scratch_dir=$(mktemp -d "${TMPDIR:-/tmp}/$prog.XXXXXX")
	trap 'rm -rf "$scratch_dir"' EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
}

# One gate, one line, in a terminal and in a log alike.
#
#     gate NAME COMMAND...    runs it, shows what it printed below the line
#     gates_done              last line; status 1 if any gate failed
#
# Neither may stand in a condition: that would turn "set -e" off inside.
gates_failed=()

gate() {
	local name=$1 out status
	shift

	set +e
	out=$(set -e; "$@" 2>&1)
	status=$?
	set -e
	if (( status )); then
		printf 'FAILED  %s\n' "$name"
		gates_failed+=("$name")
	else
		printf 'ok      %s\n' "$name"
	fi
	[[ -z $out ]] || printf '        %s\n' "${out//$'\n'/$'\n'        }"
}

gates_done() {
	local name list=

	if (( ${#gates_failed[@]} == 0 )); then
		printf 'PASSED  %s\n' "$prog"
		return 0
	fi
	for name in "${gates_failed[@]}"; do
		list+="${list:+, }$name"
	done
	printf 'FAILED  %s: %s\n' "$prog" "$list"
	return 1
}

# debian_mirrors: "URI SUITE" for each place from which this machine takes packages of Debian
debian_mirrors() {
	# shellcheck disable=SC2016 # the names are apt's
	apt-get indextargets --format '$(ORIGIN) $(COMPONENT) $(REPO_URI) $(CODENAME)' \
		'Created-By: Packages' 2>/dev/null | sort -u |
		sed -n 's/^Debian main //p'
}

# debian_sources deb|deb-src [SUITE...]: source lines for a private apt configuration,
# of the machine's own suites, or of these from the machine's mirror. Where that has no
# security updates, they are beside the release, as on Debian's own servers.
debian_sources() {
	local type=$1 key=/usr/share/keyrings/debian-archive-keyring.gpg
	local mirrors release security suite uri
	shift

	mirrors=$(debian_mirrors)
	release=$(awk '$2 !~ /-/ { print $1; exit }' <<<"$mirrors")
	security=$(awk '$2 ~ /-security$/ { print $1; exit }' <<<"$mirrors")
	if (($#)); then
		mirrors=
		for suite; do
			uri=$release
			[[ $suite != *-security ]] || uri=${security:-${release:+${release%/}-security/}}
			mirrors+="$uri $suite"$'\n'
		done
	fi
	while read -r uri suite; do
		[[ -z $suite ]] || printf '%s [signed-by=%s] %s %s main\n' "$type" "$key" "$uri" "$suite"
	done <<<"$mirrors"
}

# private_apt DIR ARCHITECTURE [SUITE...]: puts into $apt_options what makes apt work in DIR,
# with current lists of these suites, or of the machine's own; backports come first.
# The host's own package lists and architectures stay as they are: apt gets directories
# and a sources list of its own, and believes to be on a machine with nothing on it.
private_apt() {
	local state=$1 architecture=$2
	shift 2

	apt_options=(
		-qq
		-o APT::Architecture="$architecture" -o APT::Architectures="$architecture"
		-o APT::Install-Recommends=0 -o Debug::NoLocking=1
		-o APT::Sandbox::User="$(id -un)"
		-o Acquire::Languages=none -o Acquire::Retries=2
		-o Dir::State="$state" -o Dir::State::lists="$state/lists"
		-o Dir::State::status="$state/status" -o Dir::Cache="$state/cache"
		-o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts=-
	)
	mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
	: >"$state/status"
	debian_sources deb "$@" >"$state/sources.list"
	[[ -s $state/sources.list ]] || return 1
	[[ ${!#} != *-backports ]] || apt_options+=(-t "${!#}")
	apt-get "${apt_options[@]}" update
}

# download_packages DIR ARCHITECTURE PACKAGE [SUITE...]: the package and all that it
# depends on, into DIR/cache/archives.
download_packages() {
	private_apt "$1" "$2" "${@:4}" &&
		apt-get "${apt_options[@]}" --download-only -y install "$3"
}

# "10.0.2" of "QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)"
qemu_version() {
	local said

	said=$("$QEMU" --version) || said=
	[[ $said =~ ^QEMU\ emulator\ version\ ([0-9]+\.[0-9.]+) ]] ||
		die "$QEMU does not say which version it is; QEMU= names another"
	printf '%s\n' "${BASH_REMATCH[1]}"
}

# Puts into $silent the arguments that keep the machine's sound device off the host's.
# Since 8.2 no device takes the first -audiodev by itself; before, -audio needs a model.
choose_silent() {
	local version

	version=$(qemu_version) || exit
	# shellcheck disable=SC2034 # used by the scripts that source this
	if printf '%s\n' 8.2 "$version" | sort -VC; then
		silent=(-audio none)
	else
		silent=(-audiodev "none,id=none")
	fi
}

# The library that makes a board of this QEMU
board_plugin() {
	local version=

	[[ $QEMU = qemu-system-aarch64 ]] || version=$(qemu_version) || return 1
	printf '%s\n' "$BUILD/board/fmcomms2${version:+-$version}.so"
}

# board_dtb QEMU-ARGUMENT...: the device tree for a board with these options. Only the newest
# design has its DMA controllers at coherent ports.
board_dtb() {
	local argument coherent=-coherent

	for argument; do
		case $argument in
		adi-fmcomms2.design=2022_R2 | adi-fmcomms2.design=2023_R2) coherent= ;;
		adi-fmcomms2.dmac-version=4.[0-3].*) coherent= ;;
		adi-fmcomms2.coherent=on) coherent=-coherent ;;
		adi-fmcomms2.coherent=off) coherent= ;;
		esac
	done
	printf 'zcu102-fmcomms2%s\n' "$coherent"
}

# Git as it comes, whatever the user has configured: hashes and patch texts
# must not depend on whose machine this is.
plain_name='iio-dmabuf series'
plain_email='iio-dmabuf@series.invalid'
plain_env=(
	-u GIT_DIR -u GIT_WORK_TREE -u GIT_INDEX_FILE -u GIT_OBJECT_DIRECTORY
	-u GIT_EXTERNAL_DIFF -u GIT_DIFF_OPTS
	GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_ATTR_NOSYSTEM=1
	GIT_COMMITTER_NAME="$plain_name" GIT_COMMITTER_EMAIL="$plain_email"
)

plain_git() {
	env "${plain_env[@]}" git "$@"
}

# base_value BASE KEY: the rest of KEY's line in kernel/base/BASE, or nothing.
base_value() {
	awk -v key="$2" '$1 == key { $1 = ""; print substr($0, 2); exit }' \
		"$root/kernel/base/$1"
}

# base_blobs BASE: "hash path" for each file that the series touches.
base_blobs() {
	awk '$1 == "blob" { print $2, $3 }' "$root/kernel/base/$1"
}

need_base() {
	[[ $1 != keep-clear && $1 != */* && -f $root/kernel/base/$1 ]] && return
	die "no base \"$1\"; there is:" \
	    "$(find "$root/kernel/base" -type f ! -name keep-clear -printf '%f\n' |
	       sort | paste -sd ' ')"
}

# tree_dir BASE: where the tree of that base is, or will be.
tree_dir() {
	printf '%s/linux-%s\n' "$BUILD" "$1"
}

# moved_files BASE TREE: the files of that tree that are not the pinned ones.
moved_files() {
	local base=$1 tree=$2 want path have

	base_blobs "$base" | while read -r want path; do
		if [[ -e $tree/.git ]]; then
			have=$(plain_git -C "$tree" rev-parse --verify -q \
			       "$base_ref:$path") || have=
		else
			have=$(plain_git hash-object --no-filters "$tree/$path" \
			       2>/dev/null) || have=
		fi
		[[ $have = "$want" ]] || printf '%s\n' "$path"
	done
}

# has_series BASE
has_series() {
	[[ $(base_value "$1" series) != no ]]
}

# patches_dir: where the patches for $base are.
patches_dir() {
	printf '%s/%s\n' "$root" "$(base_value "$base" series)"
}

# series_file: their order. That of patches/ is where quilt looks for it.
series_file() {
	case $(base_value "$base" series) in
	patches) printf '%s/series\n' "$root" ;;
	*) printf '%s/series\n' "$(patches_dir)" ;;
	esac
}

# series_bases: the bases that have the same series as $base.
series_bases() {
	grep -lxF "series $(base_value "$base" series)" "$root"/kernel/base/* |
		xargs -n 1 basename
}

# keep_clear PATCH...: the series that 6.1 shares has to keep out of where its bases differ.
keep_clear() {
	[[ $(base_value "$base" series) != "$(base_value 6.1 series)" ]] ||
		"$root/ci/keep-clear" "$root/kernel/base/keep-clear" "$@"
}

# patch_names: the patches of the series for $base, in order; of its part $letter only, if that
# is set. A part begins at a line "# letter: FILE" in the series, the first one needs none.
patch_names() {
	[[ -f $(series_file) ]] || return 0
	awk -v wanted="${letter:-}" '
	BEGIN { current = "cover-letter.txt" }
	$1 == "#" && $2 == "letter:" { current = $3 }
	{ sub(/#.*/, "") }
	NF && (wanted == "" || wanted == current) { print $1 }' "$(series_file)"
}

# letters: the letters of the parts of the series for $base that are there, in its folder.
letters() {
	local file

	{ echo cover-letter.txt; sed -n 's/^# letter: *//p' "$(series_file)"; } |
		while read -r file; do
			[[ ! -f $(patches_dir)/$file ]] || printf '%s\n' "$file"
		done
}

# patch_files: the same as paths.
patch_files() {
	patch_names | sed "s|^|$(patches_dir)/|"
}

# kernel_make TREE ARGUMENT...: for arm64
kernel_make() {
	make -s -j"$(nproc)" -C "$1" ARCH=arm64 LOCALVERSION= \
		CROSS_COMPILE="${CROSS_COMPILE:-aarch64-linux-gnu-}" "${@:2}"
}

# first_part TREE: the commits there of the first part of the series for $base
first_part() {
	local letter=cover-letter.txt

	plain_git -C "$1" rev-list --reverse "$base_ref..$branch" |
		awk -v number="$(patch_names | wc -l)" 'NR <= number'
}

need_patches() {
	local file

	has_series "$base" || die "there is no series for $base"
	for file in $(patch_files); do
		[[ -f $file ]] || die "series names a patch that is not there: $file"
	done
}

# small_tree DIRECTORY TREE COMMIT: a repository of its own with that commit
# checked out, but only the files that the series touches. It borrows TREE's
# objects and leaves TREE as it is; seconds, where a whole checkout takes long.
small_tree() {
	local dir=$1 tree=$2 commit common

	commit=$(plain_git -C "$tree" rev-parse "$3^{commit}")
	common=$(plain_git -C "$tree" rev-parse --path-format=absolute \
		 --git-common-dir)
	plain_git init -q --template= "$dir"
	mkdir -p "$dir/.git/objects/info" "$dir/.git/info"
	printf '%s\n' "$common/objects" >"$dir/.git/objects/info/alternates"
	[[ ! -f $common/shallow ]] || cp "$common/shallow" "$dir/.git/"
	series_paths | sed 's|^|/|' >"$dir/.git/info/sparse-checkout"
	plain_git -C "$dir" config core.sparseCheckout true
	plain_git -C "$dir" update-ref "$base_ref" "$commit"
	plain_git -C "$dir" checkout -q --detach "$commit"
}

# series_paths: every file that a patch of the series changes, adds or removes.
series_paths() {
	patch_files | xargs -r sed -n \
		-e 's|^--- a/\([^[:space:]]*\).*|\1|p' \
		-e 's|^+++ b/\([^[:space:]]*\).*|\1|p' | sort -u
}

# apply_series SMALL-TREE: git am, with hashes that repeat.
apply_series() {
	patch_files | xargs -r -- env "${plain_env[@]}" git -C "$1" am -q \
		--no-3way --no-gpg-sign --committer-date-is-author-date
}

# format_patches REPOSITORY DIRECTORY CONTEXT ARGUMENT...: commits as patch files with
# so many lines of context, and nothing in them that depends on who writes them out.
format_patches() {
	plain_git -C "$1" format-patch -q -N --zero-commit --no-signature \
		--no-base --no-thread --no-attach --no-renames --subject-prefix=PATCH \
		--suffix=.patch --abbrev=12 --unified="$3" --diff-algorithm=myers \
		--indent-heuristic --src-prefix=a/ --dst-prefix=b/ --no-ext-diff \
		--output-directory "$2" "${@:4}"
}

# format_series REPOSITORY COMMIT DIRECTORY: the commits on top of the base. A patch of
# which three lines of context reach lines in which the bases differ gets one.
format_series() {
	local name number commit

	format_patches "$1" "$3" 3 "$base_ref..$2"
	while read -r name; do
		number=$(( 10#${name%%-*} ))
		commit=$(plain_git -C "$1" rev-list --reverse "$base_ref..$2" |
			 sed -n "${number}p")
		format_patches "$1" "$3" 1 --start-number "$number" -1 "$commit"
	done < <(keep_clear "$3"/*.patch 2>/dev/null | sed 's/:.*//' | sort -u)
}

# What this checkout is, for results. Not "describe --dirty", which locks the index that others may be using
git_state() {
	local state changes

	state=$(git -C "$root" describe --always 2>/dev/null) || { echo unknown; return; }
	changes=$(git -C "$root" --no-optional-locks status --porcelain -uno)
	echo "$state${changes:+-dirty}"
}

# Until a processor is free: most of what tests start in the background uses one.
wait_for_processor() {
	while (($(jobs -rp | wc -l) >= $(nproc))); do
		wait -n || true
	done
}

# For scripts that have applied the series to a small tree $am.
# shellcheck disable=SC2154 # set there
each_commit() {
	plain_git -C "$am" rev-list --reverse "$base_ref..HEAD"
}

# Seven = under a title of a .rst file are no conflict marker.
# shellcheck disable=SC2154 # set there
gate_whitespace() {
	local commit status=0

	echo '*.rst conflict-marker-size=200' >"$scratch_dir/attributes"
	while read -r commit; do
		plain_git -C "$am" -c core.attributesFile="$scratch_dir/attributes" \
			diff --check "$commit^" "$commit" || status=1
		! plain_git -C "$am" log -1 --format=%B "$commit" |
			sed -n 's/.*[[:space:]]$/trailing blank in the message: &/p' |
			grep . || status=1
	done < <(each_commit)
	return "$status"
}

# The one Cc that a patch has for itself: "Cc: <stable@vger.kernel.org> # 5.4+".
# shellcheck disable=SC2034 # used by the scripts that source this
cc_stable='^Cc: (stable@vger\.kernel\.org|<stable@vger\.kernel\.org>)( # [^[:space:]].*)?$'
