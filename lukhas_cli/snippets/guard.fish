# LUKHAS guard for fish: the guardian is asked before a command line is run.
#   lukhas guardian shell-init fish | source        in ~/.config/fish/config.fish, at its end
# lukhas_guard off|on|status switches it for this shell. LUKHAS_GUARD_ON_ERROR=block runs nothing while the guardian
# cannot be asked; without it such a line is run, and that is said once.

function lukhas_guard
    switch "$argv[1]"
        case on off
            set -g _lukhas_guard $argv[1]
        case status ''
        case '*'
            echo "usage: lukhas_guard on|off|status" >&2
            return 2
    end
    echo "lukhas guard: $_lukhas_guard in this shell"
end

function _lukhas_allows --description 'Whether a line may be run'
    # One harmless builtin with plain words is not worth the time.
    set -l plain '\A[ \t]*((ls|cd|pwd|echo|pushd|popd|dirs|true|clear|exit|jobs|fg|bg|date|whoami|uptime)([ \t]+[A-Za-z0-9_./~@%+:,=-]+)*|lukhas_guard[ \t]+(on|off|status))?[ \t]*\z'
    string match --quiet --regex -- $plain "$argv[1]"
    and return 0
    printf '%s' "$argv[1]" | command lukhas guardian validate --no-autostart --type shell_command --ask -
    set -l code $pipestatus[2]
    switch "$code"
        case 0
            return 0
        case 6 7 130
            return 1
    end
    if test "$LUKHAS_GUARD_ON_ERROR" = block
        echo "lukhas guard: not run, because the guardian could not be asked (lukhas_guard off switches it off)" >&2
        return 1
    end
    if not set -q _lukhas_warned
        set -g _lukhas_warned 1
        echo "lukhas guard: the guardian cannot be asked; lines are run unjudged (said once; lukhas daemon start)" >&2
    end
    return 0
end

function _lukhas_enter
    # 0: it can be run; 1: it is no command; 2: fish waits for more.
    if test "$_lukhas_guard" = on; and commandline --is-valid
        set -l line (commandline --current-buffer | string collect)
        if string match --quiet --regex -- '\S' "$line"
            echo
            if not _lukhas_allows "$line"
                commandline --function repaint
                return
            end
        end
    end
    commandline --function execute
end

if status is-interactive
    set -g _lukhas_guard on
    for mode in default insert
        bind --mode $mode \r _lukhas_enter
        bind --mode $mode \n _lukhas_enter
    end
end
