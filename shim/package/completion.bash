# Completion of redisguard in bash: its options and their values, then the command, then that
# command's own arguments. Loaded by bash-completion when redisguard is first completed.

_redisguard_options='--ports --unix --detect --keepidle --keepintvl --keepcnt --user-timeout --fork
    --log --log-level --trap --env --check --audit --tune --dry-run --server --all --format --json
    --watch --max-notice --only --help --version'

# What may stand at the cursor? Sets option, when its value is due; else command, the index of the
# first word that is not ours; and audit, behind --audit or --tune.
_redisguard_read() {
    local i=1
    option='' command='' audit=''
    while ((i < COMP_CWORD)); do
        option=''
        case ${COMP_WORDS[i]} in
        --) command=$((i + 1)) && return ;;
        --audit | --tune) audit=yes ;;
        --ports | --unix | --detect | --keepidle | --keepintvl | --keepcnt | --user-timeout | \
            --fork | --log | --log-level | --format | --watch | --max-notice | --only | -[pd])
            option=${COMP_WORDS[i]}
            [[ ${COMP_WORDS[i + 1]} != '=' ]] || ((++i)) # readline makes it a word of its own
            ((++i))
            ;;
        --env) [[ ${COMP_WORDS[i + 1]} != '=' ]] || { option=--env && i=$((i + 2)); } ;;
        -*) ;;
        *) [[ $audit ]] || { command=$i && return; } ;;
        esac
        ((++i))
    done
    ((i > COMP_CWORD)) || option=''
    [[ $option || $audit || ${COMP_WORDS[COMP_CWORD]} == -* ]] || command=$COMP_CWORD
}

_redisguard_offer() {
    mapfile -t COMPREPLY < <(compgen "$@" -- "${word#=}")
}

_redisguard_offer_files() {
    compopt -o filenames 2>/dev/null # quoted, and a directory with its slash
    _redisguard_offer -f "$@"
}

_redisguard() {
    local word=${COMP_WORDS[COMP_CWORD]} option command audit
    COMPREPLY=()
    _redisguard_read
    case $option in
    '') ;;
    --fork) _redisguard_offer -W 'sever close off' && return ;;
    --log-level) _redisguard_offer -W 'error warn info debug' && return ;;
    --format) _redisguard_offer -W 'table json prometheus' && return ;;
    --only) _redisguard_offer -W 'faults shared unguarded' && return ;;
    --env) _redisguard_offer -W 'systemd docker sh plain' && return ;;
    --log) _redisguard_offer_files -W stderr && return ;;
    --unix) _redisguard_offer_files && return ;;
    *) return ;; # a number or a list: nothing to offer
    esac
    if [[ $command ]] && declare -F _command_offset >/dev/null; then
        _command_offset "$command"
    elif [[ $command == "$COMP_CWORD" ]]; then
        _redisguard_offer -c
    elif [[ $command ]]; then
        _redisguard_offer_files
    elif [[ $audit ]]; then
        _redisguard_offer -W "$_redisguard_options $(cd /proc && echo [1-9]*)"
    else
        _redisguard_offer -W "$_redisguard_options"
    fi
}
complete -F _redisguard redisguard
