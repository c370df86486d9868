#!/bin/sh
# Checks that an installed kvstore can be used: installs a build into an empty folder, builds examples/ against it as a
# stranger's project would, and runs the result.
#
#   tests/package/check_install.sh <build folder>
set -eu

if [ $# -ne 1 ] || [ ! -f "$1/CMakeCache.txt" ]; then
  echo "usage: $0 <build folder that is configured and built>" >&2
  exit 2
fi
build=$(cd "$1" && pwd)
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

fail() {
  echo "check_install: $*" >&2
  exit 1
}
cached() { sed -n "s/^$1:[A-Z]*=//p" "$build/CMakeCache.txt"; }

cmake --install "$build" --prefix "$work/prefix" >"$work/install.log" || { cat "$work/install.log" >&2; fail "install failed"; }

# A package must not point back into the folders it was made from, and must hold the public headers and no others.
config=$(find "$work/prefix" -name kvstoreConfig.cmake)
[ -n "$config" ] || fail "no kvstoreConfig.cmake"
if grep -rl -e "$root" -e "$build" "$(dirname "$config")"; then fail "the CMake package names a build or source folder"; fi
(cd "$root/include" && find . -name '*.h' | sort) >"$work/expected_headers"
(cd "$work/prefix/include" && find . -type f | sort) >"$work/installed_headers"
diff -u "$work/expected_headers" "$work/installed_headers" || fail "the installed headers are not those of include/"
for program in kv_store_server kv_store_check; do
  [ -x "$work/prefix/bin/$program" ] || fail "$program is not installed"
done

# The same compiler, build type and sanitizers, or the archive does not link.
sanitize=$(cached KVSTORE_SANITIZE)
cmake -G Ninja -S "$root/examples" -B "$work/examples" -DCMAKE_PREFIX_PATH="$work/prefix" \
  -DCMAKE_CXX_COMPILER="$(cached CMAKE_CXX_COMPILER)" -DCMAKE_BUILD_TYPE="$(cached CMAKE_BUILD_TYPE)" \
  -DCMAKE_CXX_FLAGS="-Wall -Wextra -Werror${sanitize:+ -fsanitize=$sanitize}" >"$work/configure.log" 2>&1 ||
  { cat "$work/configure.log" >&2; fail "find_package(kvstore) failed"; }
cmake --build "$work/examples" >"$work/build.log" 2>&1 || { cat "$work/build.log" >&2; fail "the example does not build"; }

"$work/examples/embedded" >"$work/output" || { cat "$work/output" >&2; fail "the example failed"; }
grep -qx 'done' "$work/output" || { cat "$work/output" >&2; fail "the example did not finish"; }
echo "check_install: ok"
