#!/usr/bin/env bash
# Runs examples/quickstart with the real Terraform (or OpenTofu) against the emulator, step by step.
# Everything it writes is below target/demo. It needs no account, no root and no network.
set -euo pipefail
cd "$(dirname "$0")/.."

if command -v terraform >/dev/null; then
  cli=terraform
elif command -v tofu >/dev/null; then
  cli=tofu
else
  echo "Neither terraform nor tofu is on the PATH." >&2
  echo "Get one from https://developer.hashicorp.com/terraform/install or https://opentofu.org/docs/intro/install." >&2
  exit 1
fi

say() { printf '\n== %s\n' "$*"; }
show() { printf '   $ %s\n' "$*"; "$@"; }

here=${DEMO:-$PWD/target/demo}
binaries=${HUAWEIDB_BINARIES:-${CARGO_TARGET_DIR:-$PWD/target}/debug}
rm -rf "$here"
mkdir -p "$here"

say "1. Build the provider and the emulator"
if [ -z "${HUAWEIDB_BINARIES:-}" ]; then
  cargo build --quiet -p terraform-provider-huaweidb -p huaweidb-emulator --bins
fi

say "2. Start the emulator: a stand-in for the cloud on this machine"
"$binaries/huaweidb-emulator" --backup-seconds 3 >"$here/emulator.json" 2>"$here/emulator.log" &
emulator=$!
trap 'kill "$emulator" 2>/dev/null || true' EXIT
for _ in $(seq 100); do
  [ -s "$here/emulator.json" ] && break
  sleep 0.05
done
ready=$(cat "$here/emulator.json")
[ -n "$ready" ] || { echo "The emulator did not start:" >&2; cat "$here/emulator.log" >&2; exit 1; }
field() { printf '%s' "$ready" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
control=$(field control)
echo "   control port: $control (GET /ledger shows what exists, GET /journal the calls made)"

# What a person would set for a real account.
HW_ACCESS_KEY=$(field access_key)
HW_SECRET_KEY=$(field secret_key)
TF_VAR_region=$(field region)
TF_VAR_instance_id=$(printf '%s' "$ready" | sed -n 's/.*"dds":\[{"id":"\([^"]*\)".*/\1/p')
# Only the emulator needs this; for the real cloud the region is enough.
TF_VAR_endpoints=$(printf '%s' "$ready" | sed -n 's/.*"endpoints":\({[^}]*}\).*/\1/p')
export HW_ACCESS_KEY HW_SECRET_KEY TF_VAR_region TF_VAR_instance_id TF_VAR_endpoints

say "3. Install the provider where $cli looks for it: a mirror below $here"
bash examples/mirror.sh "$binaries/terraform-provider-huaweidb" "$here/mirror"
cat >"$here/cli.tfrc" <<RC
provider_installation {
  filesystem_mirror {
    path = "$here/mirror"
  }
}
RC
export TF_CLI_CONFIG_FILE=$here/cli.tfrc CHECKPOINT_DISABLE=1 TF_IN_AUTOMATION=1
if [ ! -t 1 ]; then export TF_CLI_ARGS=-no-color; fi
cp -r examples/quickstart "$here/work"
cd "$here/work"

say "4. init"
show "$cli" init -input=false

say "5. plan: every argument is checked, nothing is sent to change anything"
show "$cli" plan -input=false -out=../plan

say "6. apply: the backup is requested, watched and awaited"
show "$cli" apply -input=false ../plan

say "7. What Terraform knows now"
show "$cli" state show huaweidb_manual_backup.before_migration

say "8. A second plan is empty (exit code 0; 2 would mean changes)"
show "$cli" plan -input=false -detailed-exitcode

say "9. destroy: the backup is deleted and its deletion awaited"
show "$cli" destroy -input=false -auto-approve

say "Done: planned, applied, read, found unchanged, destroyed"
echo "   All files of this run are in $here."
