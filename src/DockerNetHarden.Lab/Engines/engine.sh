# The first process of a lab's host with its own userland. It runs in its own mount, PID and UTS namespaces and in the host's network namespace.
# What is written to the root goes to the lab's folder and disappears with the lab.
set -eu
folder=$1 root=$2 name=$3
base=$folder/root
new=$base/merged
# -n: mount keeps no table in the machine's /run/mount.
mount -n --make-rprivate /
mkdir -p "$base/upper" "$base/work" "$new"
mount -n -t overlay -o "lowerdir=$root,upperdir=$base/upper,workdir=$base/work" dnh-lab "$new"
mount -n -t proc proc "$new/proc"
# A sysfs shows the network namespace in which it is mounted.
mount -n -t sysfs sysfs "$new/sys"
mount -n --rbind /sys/fs/cgroup "$new/sys/fs/cgroup"
mount -n --rbind /dev "$new/dev"
mount -n -t tmpfs -o mode=755 dnh-lab "$new/run"
mount -n -t tmpfs -o mode=1777 dnh-lab "$new/tmp"
mkdir -p "$new/run/lock" "$new$folder"
mount -n --bind "$folder" "$new$folder"
# Where a real host has it: the docker command and programs with a fixed path to Docker need no setting.
ln -s "$folder/docker.sock" "$new/run/docker.sock"
ln -s "$folder/docker.pid" "$new/run/docker.pid"
printf %s "$name" >/proc/sys/kernel/hostname
cd "$new"
mkdir -p .machine
pivot_root . .machine
umount -n -l /.machine
rmdir /.machine
: >"$folder/root.ready"
# dash waits for every child, including those it inherits when their parents end: no zombie is left.
while :; do
    sleep 3600 &
    wait $! || :
done
