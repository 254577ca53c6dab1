#!/usr/bin/env bash
# Puts a provider binary into a filesystem mirror: mirror.sh BINARY MIRROR
# The layout is the one Terraform and OpenTofu share: HOST/NAMESPACE/TYPE/VERSION/OS_ARCH/.
set -euo pipefail
binary=$1
mirror=$2

version=$("$binary" --version | sed -n '1s/^[^ ]* \([^ ,]*\).*/\1/p')
case $(uname -s) in
  Darwin) os=darwin ;;
  Linux) os=linux ;;
  *) os=windows ;;
esac
case $(uname -m) in
  x86_64 | amd64) arch=amd64 ;;
  aarch64 | arm64) arch=arm64 ;;
  *) arch=$(uname -m) ;;
esac

folder=$mirror/localhost/huaweidb/huaweidb/$version/${os}_$arch
mkdir -p "$folder"
install -m 755 "$binary" "$folder/terraform-provider-huaweidb_v$version"
echo "   installed $folder/terraform-provider-huaweidb_v$version"
