# Each table that differs is written in one transaction of iptables-restore: whole chains of ours and, if they are missing or hidden, the jumps
# to them. Chains of others are never declared, flushed or reordered.
#   sh FILE           writes what differs and says what it wrote; prints nothing if there was nothing to do
#   sh FILE --check   writes nothing and says what it would write; the exit code is 1 if there is anything to write
# IPTABLES and IP6TABLES can name other commands than those that Docker uses, for example iptables-legacy. An exit code of 2 or more is a failure.
set -u
PATH=${PATH:-/usr/bin:/bin}:/usr/sbin:/sbin
dnh_mode=${1:-apply}
dnh_changed=0
dnh_comment='-m comment --comment DockerNetHarden'

dnh_fail() {
    printf 'docker-net-harden: %s\n' "$1" >&2
    exit 2
}

# Every command here reads to the end of its input: if SIGPIPE is ignored, the writer would complain otherwise.

# The backend with Docker's chains: rules in the other one protect nothing. $1 is iptables or ip6tables.
dnh_choose() {
    for dnh_each in "$1" "$1-nft" "$1-legacy"; do
        if command -v "$dnh_each-save" >/dev/null && "$dnh_each-save" 2>/dev/null | grep '^:DOCKER' >/dev/null; then
            printf '%s\n' "$dnh_each"
            return
        fi
    done
    printf '%s\n' "$1"
}

dnh_numbered='
@numbered@
{ print numbered($0) }'

# A table as it is now, cut from the whole save: asking the legacy command for one table would create it.
dnh_live() {
    "$dnh_tool-save" 2>/dev/null | sed -n "/^\\*$1\$/,/^COMMIT\$/p" | awk "$dnh_numbered"
}

# Whether chains of ours are missing or hold other lines. $1 the table as it is, $2 our chains.
dnh_stale() {
    for dnh_chain in $(printf '%s\n' "$2" | sed -n 's/^:\([^ ]*\) .*/\1/p'); do
        printf '%s\n' "$1" | grep -e "^:$dnh_chain " >/dev/null || return 0
        [ "$(printf '%s\n' "$1" | grep -e "^-A $dnh_chain ")" = "$(printf '%s\n' "$2" | grep -e "^-A $dnh_chain ")" ] || return 0
    done
    return 1
}

# Prints the lines that bring the jumps of one hook to its head, in order; none if packets already meet each of them. $1 is the table, $2 the hook; then come
# the chains. The table as it is now is in dnh_now.
dnh_jumps() {
    dnh_table=$1 dnh_hook=$2 dnh_wanted='' dnh_insert='' dnh_missing=0
    shift 2
    for dnh_chain; do
        dnh_last="-A $dnh_hook $dnh_comment -j $dnh_chain"
        dnh_wanted="$dnh_wanted${dnh_wanted:+
}$dnh_last"
        dnh_insert="-I ${dnh_last#-A }
$dnh_insert"
        # shellcheck disable=SC2086 # The comment is words.
        printf '%s\n' "$dnh_now" | grep -e "^:$dnh_chain " >/dev/null && "$dnh_tool" -w 10 -t "$dnh_table" -C "$dnh_hook" $dnh_comment -j "$dnh_chain" 2>/dev/null ||
            dnh_missing=1
    done
    dnh_there=$(printf '%s\n' "$dnh_now" | grep -Fx -e "$dnh_wanted")
    # All there, in order, each once, and no line that ends the chain before the last of them?
    if [ "$dnh_missing" = 0 ] && [ "$dnh_there" = "$dnh_wanted" ] &&
        ! printf '%s\n' "$dnh_now" | sed -n "1,/^$dnh_last\$/p" |
            grep -E -e "^-A $dnh_hook (-m comment --comment ([^ \"]+|\"[^\"]*\") )?(-j (ACCEPT|DROP|RETURN|REJECT|QUEUE)|-g )" >/dev/null; then
        return
    fi
    [ -z "$dnh_there" ] || printf '%s\n' "$dnh_there" | sed 's/^-A /-D /'
    printf '%s' "$dnh_insert"
}

# Writes a table: $1 its name, $2 the lines of its jumps; standard input has our chains. The table as it is now is in dnh_now.
dnh_write() {
    dnh_chains=$(cat)
    dnh_text=${2:+$2
}
    if dnh_stale "$dnh_now" "$dnh_chains"; then
        dnh_text="$dnh_chains
$dnh_text"
    fi
    [ -n "$dnh_text" ] || return 0
    dnh_changed=1
    printf '%s %s:\n%s' "$dnh_tool" "$1" "$dnh_text"
    [ "$dnh_mode" != --check ] || return 0
    printf '*%s\n%sCOMMIT\n' "$1" "$dnh_text" | "$dnh_tool-restore" --noflush --wait 10 ||
        dnh_fail "$dnh_tool-restore refused table $1; the tables before it are written."
}

case $dnh_mode in apply | --check) ;; *) dnh_fail "'$dnh_mode' is not an option; give --check or nothing." ;; esac
[ "$(id -u)" = 0 ] || dnh_fail 'this needs root; use sudo.'

dnh_main() {
