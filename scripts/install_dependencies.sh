#!/usr/bin/env bash
# Installs the Debian packages that a group of work needs, by name, asking nothing.
#
#   scripts/install_dependencies.sh build         what ./run needs
#   scripts/install_dependencies.sh build test    what ./test needs
#   scripts/install_dependencies.sh all           what .ci/run and the benchmarks need too
#
# What is installed already costs one dpkg-query (offline, about 20 ms), so this may be called on every run.
# docs/decisions/dependencies.md says why each package is here.
set -euo pipefail

# Compiler, build system and the libraries the server is linked with.
build_packages=(g++ cmake ninja-build pkg-config
                libcli11-dev libfmt-dev libisal-dev liblzf-dev libmimalloc-dev libsimdjson-dev libspdlog-dev
                liburing-dev libxxhash-dev)

# Unit tests; clang with its sanitizer runtimes and a symbolizer; valgrind to count instructions; real clients and a
# Redis to compare with.
test_packages=(libgtest-dev libgmock-dev librapidcheck-dev
               clang libclang-rt-dev llvm valgrind
               python3 python3-pytest python3-redis redis-server redis-tools)

# Format and lint.
lint_packages=(clang-format clang-tidy shellcheck ccache)

# Peers and data structures that the benchmarks measure against, and charts.
bench_packages=(libcuckoo-dev libtbb-dev memcached redis-server python3-matplotlib)

say() { printf '%s\n' "$*" >&2; }
fail() {
  say "error: $*"
  exit 1
}

wanted=()
for group in "$@"; do
  case "$group" in
    build) wanted+=("${build_packages[@]}") ;;
    test) wanted+=("${test_packages[@]}") ;;
    lint) wanted+=("${lint_packages[@]}") ;;
    bench) wanted+=("${bench_packages[@]}") ;;
    all) wanted+=("${build_packages[@]}" "${test_packages[@]}" "${lint_packages[@]}" "${bench_packages[@]}") ;;
    *) fail "unknown group '$group' (build, test, lint, bench, all)" ;;
  esac
  # By command, not by package: a Node.js from elsewhere brings its own npm, and Debian's would conflict with it.
  if [[ $group == test || $group == all ]]; then
    command -v node >/dev/null || wanted+=(nodejs)
    command -v npm >/dev/null || wanted+=(npm)
  fi
done
[[ ${#wanted[@]} -gt 0 ]] || fail "name at least one group: build, test, lint, bench, all"

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  fail "this is no Debian system (no apt-get); install the counterparts of: ${wanted[*]}"
fi

installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null || true)
missing=()
for package in "${wanted[@]}"; do
  grep -qxF "installed $package" <<<"$installed" || missing+=("$package")
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

as_root=()
if [[ $(id -u) -ne 0 ]]; then
  command -v sudo >/dev/null ||
    fail "packages are missing, and this is neither root nor is there sudo. As root: apt-get install ${missing[*]}"
  as_root=(sudo)
  if ! sudo -n true 2>/dev/null; then
    [[ -t 0 ]] || fail "packages are missing and sudo wants a password. First run: sudo apt-get install ${missing[*]}"
    say "sudo may ask for your password to install packages."
  fi
fi

# Debian starts and enables a daemon as soon as its package is installed. We want the redis-server program for tests,
# not a service that takes port 6379 from ours: policy-rc.d, Debian's own hook for this, forbids starting while we
# install, and a service that was not there before us is disabled for the next boot. A policy-rc.d that is already
# there (containers have one) stays as it is.
policy=/usr/sbin/policy-rc.d
remove_policy() { "${as_root[@]}" rm -f "$policy"; }
if [[ ! -e $policy ]]; then
  trap remove_policy EXIT
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 755 "$policy"
fi

apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 \
    -o Dpkg::Use-Pty=0 "$@" </dev/null
}

say "Installing with apt: ${missing[*]}"
log=$(mktemp)
# The package lists may be absent or too old: only then are they fetched. A failing update is not the end, because a
# broken source of the machine's owner may have nothing to do with us; the install decides.
if ! apt install --no-install-recommends "${missing[@]}" >"$log" 2>&1; then
  say "Fetching the package lists first (apt-get update)"
  apt update >"$log" 2>&1 || true
  if ! apt install --no-install-recommends "${missing[@]}" >>"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    fail "apt-get could not install: ${missing[*]}"
  fi
fi
rm -f "$log"

# init-system-helpers, which is part of every Debian, knows both systemd and the older init.
for service in redis-server memcached; do
  if [[ " ${missing[*]} " == *" $service "* ]]; then
    "${as_root[@]}" deb-systemd-helper disable "$service.service" >/dev/null 2>&1 || true
    "${as_root[@]}" update-rc.d "$service" disable >/dev/null 2>&1 || true
  fi
done
