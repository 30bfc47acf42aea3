#!/bin/sh
# Runs a command where every IP address is this machine's own and names are asked of a server on 127.0.0.1.
# Needs a network and a mount namespace of its own: unshare --net --mount --map-root-user
set -eu
ip link set lo up
ip route add local 0.0.0.0/0 dev lo
ip -6 route add local ::/0 dev lo
resolv=$(mktemp)
printf 'nameserver 127.0.0.1\noptions timeout:5 attempts:2\n' > "$resolv"
mount --bind "$resolv" "$(readlink -f /etc/resolv.conf)"
rm "$resolv"
exec "$@"
