#!/usr/bin/env bash
# Builds the checked-out commit twice, in two folders of different names, and compares every file of the two releases.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$PWD/target/twice
rm -rf "$work" && mkdir -p "$work"
# The commit is part of the binary: the second build is of the same one, whatever is committed meanwhile.
commit=$(git rev-parse HEAD)
for name in one another-folder; do
  git clone --quiet --no-hardlinks . "$work/$name"
  git -C "$work/$name" checkout --quiet --detach "$commit"
  (cd "$work/$name" && env -u CARGO_TARGET_DIR bash dist/dist.sh out)
done
cd "$work"
diff --recursive one/out another-folder/out
echo "Two builds of $(git -C one rev-parse --short HEAD) are identical:"
cat one/out/*_SHA256SUMS
