#!/usr/bin/env bash
# What a newcomer types, timed: clone, `make demo`, then the README's own example in an empty folder, applied on the
# emulator. five-minutes.sh [SOURCE]; the source is a repository to clone, default this one.
set -euo pipefail
source=${1:-$(cd "$(dirname "$0")/.." && pwd)}
work=$(mktemp -d)
trap 'bash "$work/clone/examples/sandbox.sh" stop || true; rm -rf "$work"' EXIT

began=$(date +%s)
timed() {
  local from=$SECONDS
  "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
  printf '%4d s  %s\n' $((SECONDS - from)) "$*"
}

timed git clone --quiet "$source" "$work/clone"
cd "$work/clone"
timed make demo
eval "$(SANDBOX=$work/sandbox bash examples/sandbox.sh 2>/dev/null)"
mkdir "$work/first"
# The first complete configuration of the README, and the emulator's addresses beside it.
sed -n '/^```terraform$/,/^```$/p' README.md | sed -n '2,/^```$/p' | sed '$d' >"$work/first/main.tf"
cp "$SANDBOX/sandbox_override.tf" "$work/first/"
cd "$work/first"
cli=$(command -v terraform || command -v tofu)
timed "${cli##*/}" init -input=false
timed "${cli##*/}" apply -input=false -auto-approve
timed "${cli##*/}" plan -input=false -detailed-exitcode
timed "${cli##*/}" destroy -input=false -auto-approve
printf '%4d s  in all\n' $(($(date +%s) - began))
