#!/bin/sh
# Shows with strace that no acknowledgement precedes its fdatasync, and counts both.
#
#   storage/prove-fdatasync.sh [entries per journal]
#
# The log's thread writes a group (pwrite64), syncs it (fdatasync) and then says each
# acknowledgement with a write to standard output. On one thread calls have one order, so it is
# enough to look at that thread: between a pwrite64 and the next acknowledgement stands an
# fdatasync that returned 0.
set -eu
entries=${1:-48}
cd "$(dirname "$0")/.."
command -v strace >/dev/null || { echo "strace is not installed: nothing is proved"; exit 2; }
cargo build --quiet --package storage --example acknowledge
program=${CARGO_TARGET_DIR:-target}/debug/examples/acknowledge
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
strace -f -qq -e trace=pwrite64,fdatasync,write -o "$work/calls" \
    "$program" "$work/data" "$entries" >"$work/said" 2>"$work/heard"
awk -v expected=$((entries * 8)) '
    # Whoever says an acknowledgement is the thread of the log.
    { thread = $1; calls[NR] = $0; of[NR] = thread }
    /write\(1, "acknowledged/ { log_thread = thread; acknowledged++ }
    END {
        for (line = 1; line <= NR; line++) {
            if (of[line] != log_thread) continue
            call = calls[line]
            if (call ~ /pwrite64\(|pwrite64 resumed/) dirty = 1
            else if (call ~ /fdatasync(\(| resumed).*= 0$/) { syncs++; dirty = 0 }
            else if (call ~ /fdatasync.*= -1/) { print "a sync failed: " call; wrong = 1 }
            else if (call ~ /write\(1, "acknowledged/) {
                if (dirty) { print "acknowledged before its sync: " call; wrong = 1 }
                if (syncs != counted) { groups++; counted = syncs }
            }
        }
        printf "acknowledgements %d of %d, groups acknowledged %d, fdatasync on the log %d\n", \
            acknowledged, expected, groups, syncs
        if (acknowledged != expected || syncs < groups || groups == 0) wrong = 1
        print wrong ? "NOT PROVED" : "proved: every acknowledgement follows the fdatasync of its group"
        exit wrong
    }' "$work/calls"
