# Systems of one's own to try a recipe in, as root would: overlays over an existing one, in a mount
# namespace, so that nothing stays when the last process in it has ended. Sourced by follow and image.
# shellcheck shell=sh

set -eu
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# All of them are below this directory.
hold_systems_in() {
    systems=$1
    mkdir -p "$systems"
    mount -t tmpfs -o mode=755 none "$systems"
}

# A new one, like the one at $2, at $systems/$1/root; its path becomes that of $root.
new_system() {
    root=$systems/$1/root
    mkdir -p "$root" "$systems/$1/upper" "$systems/$1/work"
    mount -t overlay -o "lowerdir=$2,upperdir=$systems/$1/upper,workdir=$systems/$1/work" none "$root"
    mount --rbind /dev "$root/dev"
    mount --rbind /proc "$root/proc"
    mount -t tmpfs -o mode=755 none "$root/run"
}

# Where a path is not on the file system of /, it is not in the overlay either.
show() {
    for path in "$@"; do
        [ ! -e "$root$path" ] || continue
        mkdir -p "$root$path"
        mount --rbind "$path" "$root$path"
    done
}
