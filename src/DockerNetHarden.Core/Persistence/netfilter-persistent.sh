#!/bin/sh
# A plugin of netfilter-persistent(8): loads the rules of DockerNetHarden behind those of iptables-persistent, whose loading flushes all tables.
# Written by Save-FirewallRule; Remove-FirewallRule -Saved takes it away.
case $1 in
start | restart | reload | force-reload) exec /bin/sh /etc/docker-net-harden/loader load ;;
save | stop | flush) exit 0 ;;
*)
    printf 'usage: %s start|restart|reload|force-reload|save|stop|flush\n' "$0" >&2
    exit 1
    ;;
esac
