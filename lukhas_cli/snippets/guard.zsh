# LUKHAS guard for zsh: the guardian is asked before a command line is run.
#   eval "$(lukhas guardian shell-init zsh)"        in ~/.zshrc, at its end
# lukhas_guard off|on|status switches it for this shell. LUKHAS_GUARD_ON_ERROR=block runs nothing while the guardian
# cannot be asked; without it such a line is run, and that is said once.

lukhas_guard() {
    case ${1-status} in
        on) typeset -g _lukhas_guard=on ;;
        off) typeset -g _lukhas_guard=off ;;
        status) ;;
        *) print -u2 "usage: lukhas_guard on|off|status"; return 2 ;;
    esac
    print "lukhas guard: $_lukhas_guard in this shell"
}

# Whether a line may be run: 0 or not.
_lukhas_allows() {
    emulate -L zsh
    # One harmless builtin with plain words is not worth the time.
    local plain='^[[:blank:]]*((ls|cd|pwd|echo|pushd|popd|dirs|true|clear|exit|logout|jobs|fg|bg|date|whoami|uptime)([[:blank:]]+[A-Za-z0-9_./~@%+:,-]+)*|lukhas_guard[[:blank:]]+(on|off|status))?[[:blank:]]*$'
    [[ $1 =~ $plain ]] && return 0
    local code=0
    print -rn -- "$1" | command lukhas guardian validate --no-autostart --type shell_command --ask - || code=$?
    case $code in
        0) return 0 ;;
        6|7|130) return 1 ;;
    esac
    if [[ ${LUKHAS_GUARD_ON_ERROR-allow} == block ]]; then
        print -u2 "lukhas guard: not run, because the guardian could not be asked (lukhas_guard off switches it off)"
        return 1
    fi
    if [[ -z ${_lukhas_warned-} ]]; then
        typeset -g _lukhas_warned=1
        print -u2 "lukhas guard: the guardian cannot be asked; lines are run unjudged (said once; lukhas daemon start)"
    fi
    return 0
}

# Whether zsh itself would ask for another line.
_lukhas_incomplete() {
    emulate -L zsh
    local said slashes=${1##*[^\\]}
    (( ${#slashes} % 2 )) && return 0
    said=$(print -r -- "$1" | LC_ALL=C command zsh -fn 2>&1)
    [[ $said == *"unmatched "* || $said == *"parse error near \`\\n'"* ]]
}

_lukhas_enter() {
    if [[ $_lukhas_guard == on ]]; then
        # History expansion, so that what is judged is what is run.
        if [[ -o bang_hist && $BUFFER == *\!* ]]; then
            local before=$BUFFER
            zle expand-history
            [[ $BUFFER != $before ]] && { zle redisplay; return }
        fi
        if ! _lukhas_incomplete "$PREBUFFER$BUFFER"; then
            zle -I
            _lukhas_allows "$PREBUFFER$BUFFER" || { zle redisplay; return }
        fi
    fi
    zle "_lukhas_$1"
}

_lukhas_guarded_accept-line() { _lukhas_enter accept-line }
_lukhas_guarded_accept-and-hold() { _lukhas_enter accept-and-hold }
_lukhas_guarded_accept-line-and-down-history() { _lukhas_enter accept-line-and-down-history }

if [[ -o interactive && -z ${_lukhas_guard-} ]]; then
    typeset -g _lukhas_guard=on
    () {
        local widget
        for widget in accept-line accept-and-hold accept-line-and-down-history; do
            zle -A $widget _lukhas_$widget
            zle -N $widget _lukhas_guarded_$widget
        done
    }
fi
