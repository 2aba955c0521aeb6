#!/usr/bin/env bash
# redis_cli.bash SCENARIO
#
# redis-cli forks nothing. Here a shell plays the master, with a redis-cli that it keeps, and its
# forked children, which hold the pipes to that one, each run one of their own. The scenarios are
# those of clients.c, which says what each prints.
set -u
: "${WORKERS:?}" "${GETS:?}" "${PATIENCE:?}" "${CHANNEL:?}"

cli=(redis-cli -h "$REDIS_HOST" -p "$REDIS_PORT" -n "$REDIS_DATABASE")
export REDISCLI_AUTH=$REDIS_PASSWORD
[ -z "$REDIS_CA" ] || cli+=(--tls --cacert "$REDIS_CA")

coproc MASTER { exec "${cli[@]}"; }
master=$MASTER_PID
exec {to_master}>&"${MASTER[1]}" {from_master}<&"${MASTER[0]}"
trap 'kill "$master"' EXIT # it would not hear, while subscribed, that its input has ended

hear() {
    IFS= read -r -t $((2 * PATIENCE)) reply <&"$from_master" || reply=stuck
}

ask() {
    printf '%s\n' "$*" >&"$to_master"
    hear
}

# Arguments: the number of the child
work() {
    local keys replies get
    keys=$(for ((get = 0; get < GETS; get++)); do echo "key:$1:$get"; done)
    replies=$("${cli[@]}" <<<"GET ${keys//$'\n'/$'\n'GET }")
    [ "${replies%%$'\n'*}" = "${keys%%$'\n'*}" ] && echo first right || echo first wrong
    paste -d ' ' <(echo "$keys") <(echo "$replies") | awk '$1 != $2 { print "reply wrong" }'
    echo "database $("${cli[@]}" GET where)"
}

whose() {
    ask CLIENT ID
    [ "$reply" = "$1" ] && echo master same || echo master other
}

case $1 in
subscribe)
    ask SUBSCRIBE "$CHANNEL"
    hear && hear # the name and the count
    ;;
*)
    ask CLIENT ID
    id=$reply
    ;;
esac

echo "version $(redis-cli --version | cut -d ' ' -f 2)"
case $1 in
gets)
    children=()
    for ((worker = 0; worker < WORKERS; worker++)); do
        work "$worker" &
        children+=($!)
    done
    wait "${children[@]}"
    whose "$id"
    ;;
pop)
    { read -r _ && work 0 && echo "worked $("${cli[@]}" SET worked yes)"; } <&0 &
    ask BLPOP queue 0
    list=$reply
    hear
    echo "popped $list $reply"
    wait "$!"
    whose "$id"
    ;;
multi)
    ask MULTI
    ask SET of-master 1
    echo "child $("${cli[@]}" SET of-child 1 | tr '[:upper:]' '[:lower:]')" &
    wait "$!"
    ask EXEC
    [ "$reply" = OK ] && echo transaction 1
    whose "$id"
    ;;
subscribe)
    number() {
        hear && hear && hear
    }
    number
    last=$reply lost=0
    { "${cli[@]}" SUBSCRIBE "$CHANNEL" | sed -n '6 { s/.*/child heard/p; q; }'; } &
    echo forked yes
    ended=
    while number && [ "$reply" != stuck ]; do
        lost=$((lost + reply - last - 1))
        last=$reply
        [ -z "$ended" ] || break
        kill -0 "$!" 2>/dev/null || ended=yes
    done
    [ "$reply" = stuck ] && echo master stuck || echo "lost $lost"
    ;;
esac
