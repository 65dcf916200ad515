# LUKHAS guard for bash (4.4 or later): the guardian is asked before a command line is run.
#   eval "$(lukhas guardian shell-init bash)"        in ~/.bashrc, at its end
# lukhas_guard off|on|status switches it for this shell. LUKHAS_GUARD_ON_ERROR=block runs nothing while the guardian
# cannot be asked; without it such a line is run, and that is said once.

_lukhas_lines=

lukhas_guard() {
    case ${1-status} in
        on) _lukhas_bind ;;
        off) _lukhas_unbind ;;
        status) ;;
        *) echo "usage: lukhas_guard on|off|status" >&2; return 2 ;;
    esac
    echo "lukhas guard: ${_lukhas_guard:-off} in this shell"
}

# Whether a line may be run: 0 or not.
_lukhas_allows() {
    # One harmless builtin with plain words is not worth the time.
    local plain='^[[:blank:]]*((ls|cd|pwd|echo|pushd|popd|dirs|true|clear|exit|logout|jobs|fg|bg|date|whoami|uptime)([[:blank:]]+[A-Za-z0-9_./~@%+:,=-]+)*|lukhas_guard[[:blank:]]+(on|off|status))?[[:blank:]]*$'
    [[ $1 =~ $plain ]] && return 0
    local status=0
    printf '%s' "$1" | command lukhas guardian validate --no-autostart --type shell_command --ask - || status=$?
    case $status in
        0) return 0 ;;
        6 | 7 | 130) return 1 ;;
    esac
    if [[ ${LUKHAS_GUARD_ON_ERROR-allow} == block ]]; then
        echo "lukhas guard: not run, because the guardian could not be asked (lukhas_guard off switches it off)" >&2
        return 1
    fi
    if [[ -z ${_lukhas_warned-} ]]; then
        _lukhas_warned=1
        echo "lukhas guard: the guardian cannot be asked; lines are run unjudged (said once; lukhas daemon start)" >&2
    fi
    return 0
}

# Whether bash itself would ask for another line.
_lukhas_incomplete() {
    local tail=${1##*[!\\]} said
    (( ${#tail} % 2 )) && return 0
    said=$(LC_ALL=C "$BASH" --norc -O extglob -n <<<"$1" 2>&1)
    [[ $said == *"unexpected end of file"* || $said == *"unexpected EOF"* || $said == *"delimited by end-of-file"* ]]
}

_lukhas_enter() {
    local line=$READLINE_LINE
    [[ $- == *H* ]] && line=$(history -p "$READLINE_LINE" 2>/dev/null || printf '%s' "$READLINE_LINE")
    local whole=$_lukhas_lines$line
    if _lukhas_incomplete "$whole"; then
        _lukhas_lines=$whole$'\n'
    elif _lukhas_allows "$whole"; then
        _lukhas_lines=
    else
        _lukhas_then redraw-current-line
        return
    fi
    _lukhas_then accept-line
}

# What the second half of Enter does: the line is accepted, or stays to be edited.
_lukhas_then() {
    local map
    for map in emacs-standard vi-insert vi-command; do
        bind -m "$map" "\"\\C-x\\C-gA\": $1"
    done
}

_lukhas_bind() {
    local map key
    for map in emacs-standard vi-insert vi-command; do
        bind -m "$map" -x '"\C-x\C-gG": _lukhas_enter'
        for key in '\C-m' '\C-j' '\C-o'; do
            bind -m "$map" "\"$key\": \"\\C-x\\C-gG\\C-x\\C-gA\""
        done
    done
    # Both run what an editor wrote without a look at it.
    bind -m emacs-standard -r '\C-x\C-e'
    bind -m vi-command -r v
    _lukhas_guard=on
}

_lukhas_unbind() {
    local map
    for map in emacs-standard vi-insert vi-command; do
        bind -m "$map" '"\C-m": accept-line'
        bind -m "$map" '"\C-j": accept-line'
    done
    bind -m emacs-standard '"\C-o": operate-and-get-next'
    bind -m emacs-standard '"\C-x\C-e": edit-and-execute-command'
    bind -m vi-command 'v: edit-and-execute-command'
    _lukhas_guard=off
}

# A new prompt: what was typed on lines before (until Ctrl-C, too) is over.
_lukhas_prompt() { _lukhas_lines=; }

if [[ $- == *i* ]]; then
    case $(declare -p PROMPT_COMMAND 2>/dev/null) in
        "declare -a"*) PROMPT_COMMAND+=(_lukhas_prompt) ;;
        *) PROMPT_COMMAND="_lukhas_prompt${PROMPT_COMMAND:+; $PROMPT_COMMAND}" ;;
    esac
    _lukhas_bind
fi
