#!/usr/bin/env bash
# A place to try the provider without an account: eval "$(bash examples/sandbox.sh)" starts the emulator, installs the
# provider into a mirror and sets up this shell. `bash examples/sandbox.sh stop` ends it. Everything it writes is below
# $SANDBOX, default target/sandbox.
set -euo pipefail
cd "$(dirname "$0")/.."

here=${SANDBOX:-$PWD/target/sandbox}
case $here in /*) ;; *) here=$OLDPWD/$here ;; esac
if [ "${1:-}" = stop ]; then
  if [ -f "$here/emulator.pid" ]; then
    kill "$(cat "$here/emulator.pid")" 2>/dev/null || true
    rm -f "$here/emulator.pid"
  fi
  exit 0
fi

# Binaries that were built before, if somebody says where; else they are built now.
binaries=${HUAWEIDB_BINARIES:-}
if [ -z "$binaries" ]; then
  cargo build --quiet -p terraform-provider-huaweidb -p huaweidb-emulator --bins >&2
  binaries=${CARGO_TARGET_DIR:-$PWD/target}/debug
fi
bash "$0" stop
rm -rf "$here" && mkdir -p "$here"
"$binaries/huaweidb-emulator" --backup-seconds 3 >"$here/emulator.json" 2>"$here/emulator.log" </dev/null &
echo $! >"$here/emulator.pid"
for _ in $(seq 200); do
  [ -s "$here/emulator.json" ] && break
  sleep 0.05
done
[ -s "$here/emulator.json" ] || { echo "The emulator did not start:" >&2; cat "$here/emulator.log" >&2; exit 1; }
field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" "$here/emulator.json"; }
endpoints=$(sed -n 's/.*"endpoints":\({[^}]*}\).*/\1/p' "$here/emulator.json")

bash examples/mirror.sh "$binaries/terraform-provider-huaweidb" "$here/mirror" >&2
cp "$binaries/terraform-provider-huaweidb" "$here/"
cat >"$here/cli.tfrc" <<RC
provider_installation {
  filesystem_mirror {
    path = "$here/mirror"
  }
}
RC
# The emulator's addresses, for configurations that are meant for the real cloud.
cat >"$here/sandbox_override.tf" <<TF
provider "huaweidb" {
  endpoints = $endpoints
}
TF
# `doctor` as for the real cloud, but asking the emulator.
asked=$(printf '%s' "$endpoints" | sed 's/[{"}]//g; s/\([a-z]*\):\(http[^,]*\),\{0,1\}/ --endpoint \1=\2/g')
printf '#!/bin/sh\nexec "%s/terraform-provider-huaweidb" doctor%s "$@"\n' "$here" "$asked" >"$here/doctor"
chmod +x "$here/doctor"
cat <<SH
export SANDBOX='$here'
export PATH='$here':"\$PATH"
export TF_CLI_CONFIG_FILE='$here/cli.tfrc' CHECKPOINT_DISABLE=1
export HW_ACCESS_KEY='$(field access_key)' HW_SECRET_KEY='$(field secret_key)' HW_REGION_NAME='$(field region)'
export TF_VAR_endpoints='$endpoints'
SH
