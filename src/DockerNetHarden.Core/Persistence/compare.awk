# Reads the saved file and then a save output; prints what iptables-restore has to do in one table, nothing where all is there. The pass "plain" is for jumps
# and rules without sets, which can always be written, "sets" for the whole chains that ask sets: one missing set refuses a whole text.
# What somebody else put into a chain of ours stays at the end that it was nearer to.
function is_ours(line) { return line ~ /--comment "?DockerNetHarden[: "]/ }
function asks_set(line) { return line ~ / --match-set / }
# An empty chain was flushed by somebody; a rule with a set that was missing waits for it.
function is_wanting(chain) {
    if (pass == "sets" && !(chain in asking)) return 0
    if (!(chain in declared)) return 1
    if (mode == "load") return old[chain] != new[chain]
    return pass == "plain" ? !(chain in filled) && new[chain] != "" : !(chain in asked)
}
FNR == NR {
    if (/^\[/) here = $0 == "[" family " " table "]"
    else if (!here) next
    else if (/^:/) { chains[++count] = substr($1, 2); ours[substr($1, 2)] }
    else if (/^-A / && asks_set($0)) { asking[$2]; if (pass == "sets") new[$2] = new[$2] numbered($0) "\n" }
    else if (/^-A /) new[$2] = new[$2] numbered($0) "\n"
    else if (/^-I /) { if (!($2 in wanted)) hooks[++hook_count] = $2; wanted[$2] = wanted[$2] $NF " " }
    next
}
/^\*/ { here = $0 == "*" table; next }
!here { next }
/^:/ { declared[substr($1, 2)]; next }
# No packet comes to a jump behind the end of FORWARD: ours has to move, and that of anybody else is as if it were not there.
/^-A FORWARD -m comment --comment "?DockerNetHarden"? -j DOCKER-USER$/ {
    there["FORWARD"] = there["FORWARD"] "DOCKER-USER "
    if (ended) hidden["FORWARD"]
    next
}
table == "filter" && /^-A FORWARD / && !ended {
    line = $0
    sub(/^-A FORWARD -m comment --comment ("([^"\\]|\\.)*"|[^" ]+) /, "-A FORWARD ", line)
    if (line ~ /^-A FORWARD -[jg] DOCKER-USER$/) docker_jumps = 1
    ended = line ~ /^-A FORWARD (-j (ACCEPT|DROP|RETURN|REJECT|QUEUE)( .*)?|-g [^ ]+)$/
}
/^-A [^ ]+ -m comment --comment "?DockerNetHarden"? -j DNH-/ { if ($NF in ours) there[$2] = there[$2] $NF " "; next }
!/^-A / || !($2 in ours) { next }
is_ours($0) {
    filled[$2]
    if (asks_set($0)) asked[$2]
    if (pass == "sets" || !asks_set($0)) old[$2] = old[$2] numbered($0) "\n"
    next
}
$2 in filled { last[$2] = last[$2] $0 "\n"; next }
{ first[$2] = first[$2] $0 "\n" }
END {
    # A chain may send packets to a later one, so all are declared before the first line.
    for (i = 1; i <= count; i++) if (is_wanting(chains[i])) printf ":%s - [0:0]\n", chains[i]
    for (i = 1; i <= count; i++) if (is_wanting(chains[i])) printf "%s%s%s", first[chains[i]], new[chains[i]], last[chains[i]]
    if (pass == "sets") exit
    comment = " -m comment --comment DockerNetHarden -j "
    # Ours goes where Docker has made its own.
    if (docker_jumps) {
        if (!("FORWARD" in wanted)) hooks[++hook_count] = "FORWARD"
        wanted["FORWARD"] = ""
    }
    for (i = 1; i <= hook_count; i++) {
        hook = hooks[i]
        if (wanted[hook] == there[hook] && !(hook in hidden)) continue
        n = split(there[hook], was, " ")
        for (j = 1; j <= n; j++) print "-D " hook comment was[j]
        # At the head, so the last one first.
        n = split(wanted[hook], now, " ")
        for (j = n; j >= 1; j--) print "-I " hook comment now[j]
    }
    if (("DOCKER-USER" in wanted) && !("FORWARD" in wanted) && there["FORWARD"] == "") print "-I FORWARD -j DOCKER-USER"
}
