#!/bin/sh
# The proof of the units under a real systemd: boots a Debian root as PID 1 of a container, installs this checkout there as an operator would, runs
# treadctld against the simulated belt, and shows what the units promise (systemd/prove/inside.py). Prints PASS lines; exit code 0 = all passed.
#
#   systemd/prove-booted.sh [--root DIR] [--python PYTHON]
#
# Needs root, debootstrap and systemd-nspawn (apt-get install debootstrap systemd-container), about 1 GB and two minutes; with --root DIR the Debian
# root is kept in DIR and used again, which saves the first minute. PYTHON (default: .venv/bin/python) must be of the root's version, 3.11.
# DEBIAN_MIRROR and DEBIAN_SUITE may be set.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
repo=$(dirname "$here")
root=""
python="$repo/.venv/bin/python"
while [ $# -gt 0 ]; do
    case $1 in
        --root) root=$2; shift 2 ;;
        --python) python=$2; shift 2 ;;
        *) echo "unknown argument: $1 (see the head of $0)" >&2; exit 2 ;;
    esac
done

[ "$(id -u)" = 0 ] || { echo "booting a container needs root" >&2; exit 2; }
for command in debootstrap systemd-nspawn; do
    command -v $command >/dev/null 2>&1 || { echo "$command is missing: apt-get install debootstrap systemd-container" >&2; exit 2; }
done
[ -x "$python" ] || { echo "$python is missing: make .venv/.run" >&2; exit 2; }

work=$(mktemp -d "${TMPDIR:-/var/tmp}/treadctl-proof.XXXXXX")
base=${root:-$work/root}
groups=/sys/fs/cgroup/unified
left_before=no
[ -e "$groups/payload" ] || [ -e "$groups/supervisor" ] && left_before=yes
clean() {
    rm -rf --one-file-system "$work"
    # systemd-nspawn leaves these two behind where no systemd runs outside; they are removed only when empty.
    for group in payload supervisor; do
        [ "$left_before" = no ] && [ -d "$groups/$group" ] && find "$groups/$group" -depth -type d -exec rmdir {} \; 2>/dev/null
    done
    true
}
trap clean EXIT
trap 'exit 130' INT TERM

if [ ! -x "$base/lib/systemd/systemd" ]; then
    echo "building a Debian root in $base ..."
    mkdir -p "$base"
    debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,udev,python3,python3-venv,mosquitto \
        "${DEBIAN_SUITE:-bookworm}" "$base" "${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | head -n 1)}" >"$work/debootstrap.log" 2>&1 \
        || { tail -20 "$work/debootstrap.log" >&2; exit 1; }
fi

echo "installing treadctl into it ..."
version=$(chroot "$base" /usr/bin/python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
[ "$version" = "$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')" ] || { echo "$python is not Python $version, the root's version" >&2; exit 2; }
rm -rf "$base/opt/treadctl" "$base/opt/proof" "$base/etc/treadctl" "$base/var/lib/treadctl" "$base/var/lib/treadctl-records" "$base"/etc/systemd/system/treadctl*
chroot "$base" /usr/bin/python3 -m venv --without-pip /opt/treadctl
site=$base/opt/treadctl/lib/python$version/site-packages
"$python" -m pip install -qq --disable-pip-version-check --root-user-action ignore --no-deps --require-hashes --target "$site" -r "$repo/requirements/run.txt"
# A copy, so that building leaves nothing in the checkout.
mkdir "$work/source"
(cd "$repo" && tar cf - pyproject.toml README.md LICENSE treadctl drivers hil) | tar xf - -C "$work/source"
"$python" -m pip install -qq --disable-pip-version-check --root-user-action ignore --no-deps --no-build-isolation --upgrade --target "$site" "$work/source"
mkdir -p "$base/opt/treadctl/share"
cp -r "$repo/hil/benches" "$base/opt/treadctl/share/benches"
for script in "treadctl treadctl.cli.entry" "treadctl-hil treadctl_hil.main"; do
    name=${script% *}
    printf '#!/opt/treadctl/bin/python\nimport sys\nfrom %s import main\nsys.exit(main())\n' "${script#* }" >"$base/opt/treadctl/bin/$name"
    chmod 755 "$base/opt/treadctl/bin/$name"
done

install -D -m 644 -t "$base/usr/lib/systemd/system" "$here"/*.service "$here"/*.target
install -D -m 644 "$here/sysusers.d/treadctl.conf" "$base/usr/lib/sysusers.d/treadctl.conf"
install -D -m 644 "$here/tmpfiles.d/treadctl.conf" "$base/usr/lib/tmpfiles.d/treadctl.conf"
install -D -m 644 "$here/udev/70-treadctl.rules" "$base/usr/lib/udev/rules.d/70-treadctl.rules"
install -D -m 644 "$here/drop-ins/treadctld-simulated.conf" "$base/etc/systemd/system/treadctld.service.d/simulated.conf"
install -D -m 644 "$here/prove/pty.conf" "$base/etc/systemd/system/treadctld.service.d/pty.conf"
install -D -m 644 -t "$base/opt/proof" "$here"/prove/*
ln -sf /opt/proof/proof.service "$base/etc/systemd/system/proof.service"
mkdir -p "$base/etc/systemd/system/multi-user.target.wants"
ln -sf /opt/proof/proof.service "$base/etc/systemd/system/multi-user.target.wants/proof.service"
ln -sf /dev/null "$base/etc/systemd/system/mosquitto.service"

# A container may not lock memory unless it is told that it may; a host may.
echo "booting ..."
timeout --kill-after=10 180 systemd-nspawn --quiet --directory="$base" --boot --register=no --keep-unit --machine="treadctl-proof" --private-network \
    --capability=CAP_IPC_LOCK --system-call-filter=@memlock \
    --console=pipe --kill-signal=SIGRTMIN+3 </dev/null >"$work/console.log" 2>&1 || true
if [ -s "$base/opt/proof/result" ]; then
    cat "$base/opt/proof/output"
    [ "$(cat "$base/opt/proof/result")" = "0" ] && exit 0
    exit 1
fi
echo "the container did not boot or the proof did not end; its console:" >&2
tail -40 "$work/console.log" >&2
exit 1
