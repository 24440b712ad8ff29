#!/bin/sh
# Puts the rules of DockerNetHarden into the packet filter as they stand in the file "saved" beside this one. Save-FirewallRule wrote both and
# Remove-FirewallRule -Saved takes them away; what is changed here by hand is lost at the next saving.
#
#   loader load    makes our chains hold what is saved: before Docker starts
#   loader keep    puts back what is missing (a chain, its rules, a jump); what stands there is left as it is, saved or not
#   loader guard   keeps, once a second, until it is stopped
#   loader check   writes nothing; prints what load would write, and nothing where that is nothing
#
# Only chains that begin with DNH-, the jumps to them, and FORWARD's jump to DOCKER-USER are written: Docker's own or, where Docker makes none, one with
# our comment; and the table inet docker_net_harden of nftables. Where something cannot be written all else is, and the exit code is 1. It needs sh, sed, awk
# and iptables or nft, whichever has rules, and ipset where rules ask sets.
LC_ALL=C
PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/sbin:/sbin
export LC_ALL PATH
umask 077
case $0 in */*) saved=${0%/*}/saved ;; *) saved=saved ;; esac

say() { printf 'docker-net-harden: %s\n' "$*" >&2; }

# The lines of a section of the saved file. $1 is one of the constants of this file.
section() { sed -n "/^\[$1\]\$/,/^\[/{/^\[/d;p;}" "$saved"; }

# The iptables commands of both families, without their suffixes; none where the kernel does not speak the family.
read_commands() {
    prefix4=$(section iptables | sed -n 's/^4 //p')
    prefix6=
    if [ -e /proc/net/if_inet6 ]; then prefix6=$(section iptables | sed -n 's/^6 //p'); fi
}

# Reads the saved file and then a save output; prints what iptables-restore has to do in one table.
compare='
@numbered@
@compare@
'

todo() { printf '%s\n' "$now" | awk -v family="$family" -v table="$table" -v mode="$mode" -v pass="$pass" "$compare" "$saved" -; }

# The lock of those who write our rules, so that a refill of theirs is not overtaken; it ends with the subshell. Who hangs with it must not keep a host open.
lock() {
    if command -v flock >/dev/null && [ -d /run ] && [ -r /run ]; then
        exec 9</run
        tries=0
        until flock -n 9 || [ "$tries" -ge 30 ]; do tries=$((tries + 1)); sleep 0.1; done
    fi
}

# One table of one family, in a subshell. Its exit code is 3 where something was written.
settle() {
    text=$(todo)
    [ -n "$text" ] || exit 0
    if [ -n "$dry" ]; then
        printf '%s %s:\n%s\n' "$prefix" "$table" "$text"
        exit 0
    fi
    # Docker takes its jump away for some milliseconds whenever it makes a network.
    case $mode$text in 'keep-I FORWARD '*' DOCKER-USER') sleep 0.2 ;; esac
    lock
    now=$("$prefix-save") || exit 1
    text=$(todo)
    [ -n "$text" ] || exit 0
    # It fails where the chain exists, which is as good.
    case $text in *DOCKER-USER*) "$prefix" -w 10 -t filter -N DOCKER-USER 2>/dev/null || : ;; esac
    printf '*%s\n%s\nCOMMIT\n' "$table" "$text" | "$prefix-restore" --noflush --wait 10 || exit 1
    say "$mode: $prefix $table, $(printf '%s\n' "$text" | wc -l) lines written"
    exit 3
}

# Sets that are missing. One that is there may hold more by now than was saved: it is left alone, unless it is one of ours, whose name says what is in it.
# That one is swapped for a whole one.
make_sets() {
    missing= changed=
    for set in $(section sets | sed -n 's/^create \([^ ]*\) .*/\1/p'); do
        live=$(ipset save "$set" 2>/dev/null) || { missing="$missing $set"; continue; }
        case $set in DNH-[46]-*) ;; *) continue ;; esac
        [ "$(section sets | grep "^add $set " | sort)" = "$(printf '%s\n' "$live" | grep '^add ' | sort)" ] || changed="$changed $set"
    done
    [ -n "$missing$changed" ] || return 0
    {
        section sets | awk -v missing="$missing " -v changed="$changed " '
            index(missing, " " $2 " ") { print }
            index(changed, " " $2 " ") { $2 = $2 "-x"; print }'
        for set in $changed; do printf 'swap %s-x %s\ndestroy %s-x\n' "$set" "$set" "$set"; done
    } | ipset restore || return 1
    [ -z "$changed" ] || say "$mode: ipset,$changed filled again"
}

# Sets of ours that nothing asks any more, because other rules were loaded over those that asked them.
drop_sets() {
    command -v ipset >/dev/null || return 0
    lock
    used=$(for prefix in $prefix4 $prefix6; do "$prefix-save"; done)
    for set in $(ipset list -n); do
        case $set in DNH-[46]-*) ;; *) continue ;; esac
        case $used in *" --match-set $set "*) continue ;; esac
        # nf_tables lets go of a set some milliseconds after the line that asked it.
        ipset destroy "$set" 2>/dev/null || { sleep 0.3; ipset destroy "$set" 2>/dev/null; } || :
    done
}

# What a text of our nftables table says, in words that do not depend on who wrote it: of each rule its chain and its place
# there, the sets and rates that it names, what it does, and whose it is.
table_print() {
    awk '
    $1 == "chain" { chain = $2 }
    / hook / && $1 == "type" { print chain, 0, "hook" }
    /comment "DockerNetHarden/ {
        names = verdict = ""
        for (i = 1; i <= NF && $i != "comment"; i++) {
            if ($i ~ /^@/ || $i ~ /^"(bucket)?rate_/) names = names " " $i
            if ($i ~ /^(accept|drop|return|reject|log)$/) verdict = $i
            if ($i == "jump") verdict = $i " " $(i + 1)
        }
        sub(/.*comment /, "")
        print chain, ++count[chain], names, verdict, $0
    }' | sort -k 1,1 -k 2,2n
}

# Whether our table is not as it was saved; where rules are only kept, whether a chain of it is missing or empty.
table_wants() {
    want=$(section nftables | table_print)
    have=$(nft list table inet docker_net_harden 2>/dev/null | table_print)
    [ "$want" != "$have" ] || return 1
    [ "$mode" = keep ] || return 0
    for chain in $(printf '%s\n' "$want" | sed 's/ .*//' | sort -u); do
        printf '%s\n' "$have" | grep -q "^$chain [1-9]" || return 0
    done
    return 1
}

# What is written: the whole table or, where rules are only kept, what its rules name and the chains that hold nothing.
table_text() {
    if [ "$mode" != keep ]; then section nftables; return; fi
    section nftables | awk -v have=" $(printf '%s\n' "$have" | sed -n 's/^\([^ ]*\) [1-9].*/\1/p' | sort -u | tr '\n' ' ')" '
    $1 == "table" && $NF == "{" { inside = 1 }
    !inside { next }
    $1 == "chain" { skip = index(have, " " $2 " ") }
    skip { if ($1 == "}") skip = 0; next }
    { print }'
}

# Our table of nftables in one transaction, in a subshell. Its exit code is 3 where something was written.
settle_table() {
    table_wants || exit 0
    if [ -n "$dry" ]; then
        printf 'nft:\n%s\n' "$(section nftables)"
        exit 0
    fi
    lock
    table_wants || exit 0
    text=$(table_text)
    printf '%s\n' "$text" | nft -f - || exit 1
    say "$mode: nft inet docker_net_harden, $(printf '%s\n' "$text" | grep -c 'comment "DockerNetHarden:') rules written"
    exit 3
}

# The whole, of both families. mangle first: the half of a block that Docker never touches.
round() {
    failed=0 wrote=0
    read_commands
    if [ -n "$(section nftables)" ]; then
        (settle_table)
        case $? in
        0) ;;
        3) wrote=1 ;;
        *) failed=1 ;;
        esac
    fi
    for pass in plain sets; do
        if [ "$pass" = sets ]; then
            [ -n "$(section sets)" ] || continue
            [ -n "$dry" ] || make_sets || failed=1
        fi
        for family in 4 6; do
            if [ "$family" = 4 ]; then prefix=$prefix4; else prefix=$prefix6; fi
            [ -n "$prefix" ] || continue
            now=$("$prefix-save") || { failed=1; continue; }
            for table in mangle raw filter; do
                (settle)
                case $? in
                0) ;;
                3) wrote=1 ;;
                *) failed=1 ;;
                esac
            done
        done
    done
    if [ "$mode$wrote$dry" = load1 ] && { [ -e /sys/module/ip_set ] || ! [ -d /sys/module ]; }; then (drop_sets); fi
    return "$failed"
}

# What the guard compares from second to second; all else is done only where something of it changed.
print_of() {
    {
        for prefix in $prefix4 $prefix6; do
            "$prefix-save" | sed -n -e '/^\*/p' -e '/DNH-/p' -e '/^-A FORWARD /p'
        done
        [ -z "$own_sets" ] || ipset list -t | sed -n -e '/^Name: DNH-/p' -e '/^Number of entries: /p'
        [ -z "$tabled" ] || nft list table inet docker_net_harden | table_print
    } 2>&1
}

guard() {
    mode=keep good=unknown said=
    read_commands
    tabled=$(section nftables) own_sets=$(section sets | sed -n '/^create DNH-[46]-/p')
    while :; do
        print=$(print_of)
        if [ "$print" != "$good" ]; then
            # Good is what looked the same before and after a round that had nothing to do. After any other, somebody may have flushed all again before this looks.
            good=unknown
            if what=$(round 2>&1; [ "$failed$wrote" = 00 ]) && [ "$(print_of)" = "$print" ]; then good=$print; fi
            # A failure that repeats itself every second is told once.
            if [ -n "$what" ] && [ "$what" != "$said" ]; then printf '%s\n' "$what" >&2; fi
            said=$what
        fi
        sleep 1
    done
}

[ -r "$saved" ] || { say "$saved cannot be read: save again with Save-FirewallRule"; exit 1; }
mode=${1:-load} dry=
case $mode in
check)
    mode=load dry=1
    round
    ;;
load)
    # Another program may write at the same moment: the kernel then refuses one of the two.
    for attempt in 1 2 3 4 5; do
        if round; then exit 0; fi
        sleep "$attempt"
    done
    say "not all of the saved rules are in place, see above"
    exit 1
    ;;
keep) round ;;
guard) guard ;;
*)
    say "'$mode' is none of load, keep, guard, check"
    exit 2
    ;;
esac
