#!/usr/bin/env bash
# Builds a release and packs it: dist.sh [FOLDER], default target/dist. It needs what `make build` needs, nothing more.
# TARGET names another platform of the compiler, such as x86_64-unknown-linux-musl (`rustup target add` it first).
# Neither the folder of the sources nor that of cargo shows in the binary, so equal commits give equal bytes.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=${1:-target/dist}
host=$(rustc -vV | sed -n 's/^host: //p')
target=${TARGET:-$host}
case $target in
  x86_64-unknown-linux-*) os=linux arch=amd64 ;;
  aarch64-unknown-linux-*) os=linux arch=arm64 ;;
  x86_64-apple-darwin) os=darwin arch=amd64 ;;
  aarch64-apple-darwin) os=darwin arch=arm64 ;;
  x86_64-pc-windows-*) os=windows arch=amd64 ;;
  aarch64-pc-windows-*) os=windows arch=arm64 ;;
  *) echo "No release is made for $target." >&2; exit 1 ;;
esac

here=$PWD
crates=${CARGO_HOME:-$HOME/.cargo}
if [ "$os" = windows ]; then
  # As the compiler sees them, not as this shell does.
  here=$(cygpath -m "$here")
  crates=$(cygpath -m "$crates")
fi
build=${CARGO_TARGET_DIR:-$here/target}/release-build
export CARGO_TARGET_DIR=$build
export RUSTFLAGS="--remap-path-prefix=$build=/target --remap-path-prefix=$here=/source --remap-path-prefix=$crates=/cargo"
if [ "$os" != windows ]; then
  export CFLAGS="-ffile-prefix-map=$build=/target -ffile-prefix-map=$here=/source -ffile-prefix-map=$crates=/cargo"
fi
if [ "$os" = linux ]; then
  # Only what the sources say, not how the linker was called.
  RUSTFLAGS="$RUSTFLAGS -Clink-arg=-Wl,--build-id=none"
fi

echo "== Build for $target"
cargo build --quiet --release --locked --target "$target" --bin terraform-provider-huaweidb
binary=$build/$target/release/terraform-provider-huaweidb
[ "$os" = windows ] && binary=$binary.exe

echo "== Pack"
unset RUSTFLAGS CFLAGS
rm -rf "$folder" && mkdir -p "$folder"
cargo run --quiet --locked -p huaweidb-dist -- pack "$binary" "$os" "$arch" "$folder"
cargo run --quiet --locked -p huaweidb-dist -- sums "$folder"
cargo run --quiet --locked -p huaweidb-dist -- mirrors "$folder"
(cd "$folder" && cat ./*_SHA256SUMS)
