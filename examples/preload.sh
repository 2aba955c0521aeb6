#!/bin/sh
# What redisguard does, in six lines of sh, for a machine that shall have no other binary. A shell is
# a poor wrapper: dash and busybox drop variables whose name is no shell identifier (my.name, MY-VAR).
library=/usr/local/lib/redisguard/libredisguard.so
[ -f "$library" ] || { echo "preload.sh: no $library" >&2 && exit 125; }
case :${LD_PRELOAD-}: in
*[:\ ]"$library"[:\ ]*) ;;
*) export LD_PRELOAD="$library${LD_PRELOAD:+:$LD_PRELOAD}" ;;
esac
unset library && exec "$@"
