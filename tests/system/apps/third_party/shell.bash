#!/usr/bin/env bash
# Much of what a shell does with processes, descriptors and signals, in a form whose output is the
# same each time. Run by third_party.c in a directory of its own, bare and guarded, with the port of a
# Redis server on the loopback.
set -u
port=$1

section() { printf -- '-- %s\n' "$1"; }

section 'pipes'
seq 1 2000 | awk '{ sum += $1 } END { print sum }'
seq 1 500 | tee copy | sort -rn | head -n 3
(exit 3) | (exit 4) | true
echo "${PIPESTATUS[@]}"
set -o pipefail
false | cat
echo "pipefail $?"
set +o pipefail
yes | head -n 2

section 'redirection'
exec 5> out 6>&5
echo five >&5
echo six >&6
exec 5>&- 6>&-
cat out
{ echo visible; echo hidden >&2; } 2> err
wc -l < err
exec 7<> out
read -r line <&7
echo "$line"
exec 7>&-
cat <<< 'here string'
{ : >&7; } 2> /dev/null || echo 'descriptor 7 is closed'

section 'process substitution'
: > sorted
diff <(seq 1 5) <(seq 1 6)
paste <(echo a) <(echo b) <(echo c)
seq 1 3 | tee >(sort -rn > sorted) | cat
until [[ $(wc -l < sorted) == 3 ]]; do :; done
cat sorted
mkfifo fifo
sort -rn fifo &
seq 4 6 > fifo
wait

section 'coprocess'
coproc ADD { while read -r one other; do echo $((one + other)); done; }
for pair in '1 2' '30 40'; do
    echo "$pair" >&"${ADD[1]}"
    read -r sum <&"${ADD[0]}"
    echo "$sum"
done
adder=$ADD_PID
eval "exec ${ADD[1]}>&-"
wait "$adder"
echo "coprocess $?"

section 'jobs'
set -m
for i in 1 2 3; do
    (exit "$i") &
    pids[i]=$!
done
for i in 1 2 3; do
    wait "${pids[i]}"
    echo "job $i: $?"
done
sleep 60 &
kill -STOP $!
until [[ $(jobs -s) ]]; do jobs > /dev/null; done
echo 'stopped'
kill -CONT $!
until [[ $(jobs -r) ]]; do jobs > /dev/null; done
echo 'running'
{
    kill -TERM $!
    wait $!
} 2> /dev/null # whether the shell tells of it depends on who is faster
echo "ended with $?"
set +m

section 'traps'
trap 'echo "USR1 in $BASHPID" | sed "s/[0-9]*$/the shell/"' USR1
kill -USR1 $$
(
    trap 'echo subshell ends' EXIT
    trap 'echo TERM; exit 9' TERM
    kill -TERM "$BASHPID"
)
echo "subshell $?"
trap - USR1

section 'many children'
for i in $(seq 1 100); do
    echo "child $i" > "part.$i" &
done
wait
cat part.* | sort -k 2n | md5sum

section 'nested substitution'
printf '%s\n' "$(printf 'a%s' "$(printf 'b%s' "$(printf c)")")"
echo "$BASH_SUBSHELL $( (echo $BASH_SUBSHELL) )"

section 'a connection of the shell itself'
exec 8<> "/dev/tcp/127.0.0.1/$port"
printf 'PING\r\n' >&8
read -r reply <&8
echo "${reply%$'\r'}"
seq 1 100 | wc -l
for i in 1 2 3; do
    printf 'INCR shell\r\n' >&8
    read -r reply <&8
    echo "${reply%$'\r'} $(id -u)"
done
printf 'DEL shell\r\n' >&8
read -r reply <&8
exec 8>&-

section 'exec'
exec bash -c 'echo "replaced"; exit 7'
