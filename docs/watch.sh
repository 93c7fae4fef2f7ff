#!/bin/sh
# Draws docs/watch.svg anew: `printhost watch` on three simulated printers, recorded in a real terminal.
# Needs tmux, npm (for svg-term-cli) and asciinema 2 (`pip install asciinema==2.4.0`); run it in the repository.
set -eu
cargo build --quiet -p printhost-cli
cargo build --quiet -p printhost-sim --features cli
bin=$PWD/target/debug
dir=$(mktemp -d)
export PRINTHOST_CONFIG="$dir/config.toml" PRINTHOST_KEY=A1B2C3D4E5F60718293A4B5C6D7E8F90
"$bin/printhost-sim" octoprint --count 3 --port 5700 --time-scale 6 --analysis >/dev/null &
sims=$!
trap 'kill $sims; tmux -L watch kill-server 2>/dev/null || true; rm -r "$dir"' EXIT
sleep 1
"$bin/printhost" config add voron-left octoprint://127.0.0.1:5700
"$bin/printhost" config add voron-right octoprint://127.0.0.1:5701
"$bin/printhost" config add mk4-lab octoprint://127.0.0.1:5702
PATH="$bin:$PATH" tmux -L watch new-session -d -x 96 -y 26 \
    "asciinema rec -q --overwrite -c 'printhost watch @all' '$dir/watch.cast'"
sleep 4
"$bin/printhost" upload examples/gcode/cube.gcode @all --print --stagger 4s --as bracket-v2.gcode
sleep 17
# The second is paused by keys, as somebody would; the third has had an accident.
tmux -L watch send-keys -t 0 Down p y
"$bin/printhost" emergency-stop mk4-lab
sleep 5
tmux -L watch send-keys -t 0 Up
sleep 1
at=$(tail -n 1 "$dir/watch.cast" | sed 's/^\[\([0-9]*\)\.\([0-9][0-9][0-9]\).*/\1\2/')
tmux -L watch send-keys -t 0 q
sleep 1
npx --yes svg-term-cli@2.1.1 --in "$dir/watch.cast" --out docs/watch.svg --at "$at" --window --no-cursor
