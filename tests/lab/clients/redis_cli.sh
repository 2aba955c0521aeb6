#!/bin/sh
# redis-cli: does one thing, says what came of it, and after an error works again as soon as it can.
# The lab calls it as: redis_cli.sh HOST PORT brpop|get|connect QUEUE
set -eu

host=$1
port=$2
what=$3
queue=$4

cli() {
    redis-cli -h "$host" -p "$port" "$@" 2>&1
}

# The commands, one a line; redis-cli sends each when it has the reply to the one before.
commands() {
    echo 'ECHO ready'
    if [ "$what" = brpop ]; then
        echo "BRPOP $queue 0"
    else
        read -r _
        echo 'GET key'
    fi
}

follow() {
    case $1 in
    Error* | *'Could not connect'*)
        echo "lost $1"
        until cli INCR work >/dev/null; do
            sleep 0.1
        done
        echo back
        ;;
    *) echo 'done' ;;
    esac
}

if [ "$what" = connect ]; then
    echo ready
    read -r _
    follow "$(cli PING || :)"
else
    commands | cli | {
        read -r reply
        echo "$reply"
        read -r reply
        follow "$reply"
    }
fi
