# iptables-save prints a protocol by the name that /etc/protocols has for it, and the rules have its number.
function numbered(line,    head, name) {
    if (!match(line, /^-A [^ ]+ ((! )?-[sdio] [^ ]+ )*(! )?-p /)) return line
    head = substr(line, 1, RLENGTH)
    line = substr(line, RLENGTH + 1)
    name = line
    sub(/ .*/, "", name)
    return head (name in protocols ? protocols[name] : name) substr(line, length(name) + 1)
}
BEGIN {
    while ((getline entry < "/etc/protocols") > 0)
        if (split(entry, words, /[ \t]+/) > 1 && words[2] ~ /^[0-9]+$/ && !index(" tcp udp icmp ipv6-icmp sctp dccp udplite esp ah gre ", " " words[1] " ")) protocols[words[1]] = words[2]
}
