# shellcheck shell=dash
# Boots a Debian root as a computer does: systemd is the first process in its own namespaces, and the kernel's network state is new.
#   boot.sh on FOLDER ROOT NAME OUTSIDE CGROUP ADDRESS/BITS GATEWAY CAPABILITIES
# FOLDER holds the disk: what is written over ROOT, and Docker's data. OUTSIDE is the network namespace at the other end of the cable. Mounts, rules and bridges end
# with the processes in CGROUP.
set -eu
stage=$1 folder=$2 root=$3 name=$4 outside=$5 cgroup=$6 address=$7 gateway=$8 capabilities=$9

case $stage in
on)
    # cgroup v2, beside v1 or alone. Beside v1 it has few or no controllers, and systemd and Docker do without; those that it has are passed on.
    for all in /sys/fs/cgroup/unified /sys/fs/cgroup; do
        [ ! -e "$all/cgroup.controllers" ] || break
    done
    own=$all/$cgroup
    # Left by the last start: its groups are empty. A group that the kernel still holds is used again.
    if [ -d "$own/machine" ]; then find "$own/machine" -depth -type d -exec rmdir {} + 2>/dev/null || :; fi
    mkdir -p "$own/machine"
    read -r controllers <"$own/cgroup.controllers" || :
    for controller in $controllers; do
        echo "+$controller" >"$own/cgroup.subtree_control" || :
    done
    echo $$ >"$own/machine/cgroup.procs"
    shift
    exec unshare --cgroup --mount --uts --ipc --net --pid --fork --kill-child -- /bin/sh "$0" init "$@"
    ;;
esac

# This machine's mounts that change meanwhile must not appear in the root, and the other way round. -n: mount keeps no table in /run/mount.
mount -n --make-rprivate /
printf %s "$name" >/proc/sys/kernel/hostname

ip -batch - <<END
link set lo up
link add up0 type veth peer name boot0 netns $outside
addr add $address dev up0
link set up0 up
END
ip -n "$outside" -batch - <<END
addr add $gateway/${address#*/} dev boot0
link set boot0 up
END
ip route add default via "$gateway"

disk=$folder/disk
new=$folder/root
mkdir -p "$disk/upper" "$disk/work" "$disk/docker" "$disk/containerd" "$new"
mount -n -t overlay -o "lowerdir=$root,upperdir=$disk/upper,workdir=$disk/work" dnh-lab "$new"
# Docker's own overlays cannot use an overlay as their upper layer; a plain folder works.
for data in docker containerd; do
    mkdir -p "$new/var/lib/$data"
    mount -n --bind "$disk/$data" "$new/var/lib/$data"
done
mount -n -t proc -o nosuid,nodev,noexec proc "$new/proc"
# Most of /proc/sys belongs to the whole computer. The part net belongs to the namespace, and Docker writes to it.
mount -n --bind "$new/proc/sys" "$new/proc/sys"
mount -n --bind "$new/proc/sys/net" "$new/proc/sys/net"
mount -n -o remount,bind,ro "$new/proc/sys"
if [ -e "$new/proc/sysrq-trigger" ]; then mount -n --bind /dev/null "$new/proc/sysrq-trigger"; fi
for family in all default; do
    # A new bridge's link-local address is usable at once, without seconds of duplicate address detection (RFC 4862, 5.4).
    for setting in disable_ipv6 accept_dad; do
        if [ -e "$new/proc/sys/net/ipv6" ]; then echo 0 >"$new/proc/sys/net/ipv6/conf/$family/$setting"; fi
    done
done
# Read-only, so that systemd starts no udev. A sysfs shows the network namespace in which it is mounted.
mount -n -t sysfs -o ro,nosuid,nodev,noexec sysfs "$new/sys"
mount -n -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$new/sys/fs/cgroup"
mount -n -t tmpfs -o mode=755,nosuid dnh-lab "$new/dev"
for device in null zero full random urandom tty; do
    : >"$new/dev/$device"
    mount -n --bind "/dev/$device" "$new/dev/$device"
done
mkdir "$new/dev/pts" "$new/dev/shm"
mount -n -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$new/dev/pts"
mount -n -t tmpfs -o mode=1777,nosuid,nodev dnh-lab "$new/dev/shm"
ln -s pts/ptmx "$new/dev/ptmx"
ln -s /proc/self/fd "$new/dev/fd"
mount -n -t tmpfs -o mode=755,nosuid,nodev dnh-lab "$new/run"

# The number of this process in the computer's own /proc, which is still mounted here.
read -r number _ </proc/self/stat
echo "$number" >"$folder/pid.new"
mv "$folder/pid.new" "$folder/pid"

cd "$new"
pivot_root . .
umount -n -l .
# `container` tells systemd that devices, clock and modules are not its own.
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin container=dnh-lab \
    setpriv "--bounding-set=$capabilities" -- /usr/sbin/init
