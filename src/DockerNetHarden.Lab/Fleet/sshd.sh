# Runs in a mount and a UTS namespace of its own, with the accounts, sudoers, hosts and /run of this lab's host. The machine's files stay as they are.
set -eu
folder=$1 name=$2 config=$3
shift 3
files=$folder/ssh
printf %s "$name" >/proc/sys/kernel/hostname
run=$files/run
# -n: mount keeps no table in /run/mount, which is the machine's.
mount -n -t tmpfs -o mode=755 dnh-lab "$run"
mkdir -p "$run/sshd" "$run/lock" "$run/home" "$run/${folder#/run/}"
mount -n --bind "$folder" "$run/${folder#/run/}"
# dockerd makes a new socket at each start: only the name stays.
ln -s "$folder/docker.sock" "$run/docker.sock"
ln -s "$folder/docker.pid" "$run/docker.pid"
# One lock of xtables for the conversations and dockerd.
if [ -e /run/xtables.lock ]; then
    : >"$run/xtables.lock"
    mount -n --bind /run/xtables.lock "$run/xtables.lock"
fi
while IFS=: read -r user _ uid gid _ home _; do
    case $home in
        /run/home/*)
            cp -R "$files/home/$user" "$run/home/$user"
            chown -R "$uid:$gid" "$run/home/$user"
            chmod 755 "$run/home/$user"
            ;;
    esac
done <"$files/passwd"
# A pwsh may be in a home that only its owner can enter, and so may dotnet: users reach their folders by another way.
number=0
for program; do
    mkdir -p "$run/pwsh/$number"
    mount -n --bind "$(dirname "$(readlink -f "$program")")" "$run/pwsh/$number"
    number=$((number + 1))
done
mount -n --move "$run" /run
for file in passwd shadow group hosts resolv.conf sudoers; do
    # The mount does not cover a link (resolv.conf often is one) but its target, which may be in the /run that is now hidden.
    [ ! -e "/etc/$file" ] || mount -n --bind "$files/$file" "/etc/$file"
done
exec "$(command -v sshd)" -D -e -f "$config"
