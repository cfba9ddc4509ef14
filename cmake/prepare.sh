# Shared by ./run, ./test and .ci/run, which source it: installs what is missing, builds a preset. `root` is the source folder.
# shellcheck shell=bash disable=SC2154  # root is the sourcing script's

# Prints the packages of the groups, one a line.
packages_of() {
  local group
  for group in "$@"; do
    awk -v group="$group" '$1 == group { print $2 }' "$root/cmake/packages.txt"
  done
}

# Installs what is missing of the groups. With nothing missing it costs one call of dpkg-query.
install_packages() {
  local wanted missing as_root=()
  command -v dpkg-query >/dev/null || {
    echo "$0: no dpkg-query here: this is no Debian. Install by hand what cmake/packages.txt lists; with it in place, build by hand as the README says." >&2
    return 69
  }
  mapfile -t wanted < <(packages_of "$@")
  mapfile -t missing < <(comm -23 <(printf '%s\n' "${wanted[@]}" | sort) \
    <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null | sed -n 's/^installed //p' | sort))
  [ ${#missing[@]} -eq 0 ] && return 0
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
      echo "$0: missing: ${missing[*]}; this user is not root and there is no sudo. As root: apt-get install ${missing[*]}" >&2
      return 77
    }
    as_root=(sudo)
  fi
  echo "Installing ${#missing[@]} packages: ${missing[*]}"
  "${as_root[@]}" apt-get update -q </dev/null || echo "$0: apt-get update failed; going on with the lists that are there" >&2
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}" </dev/null || {
    echo "$0: apt-get could not install ${missing[*]}: its message stands above. Needed: network or a local mirror, and Debian 12 in /etc/apt." >&2
    return 69
  }
}

# build_preset PRESET [TARGET...]: configures once, then builds; says nothing when all is up to date.
build_preset() {
  local preset=$1 folder=$root/build/$1
  shift
  if [ -e "$folder" ] && [ ! -w "$folder" ]; then
    echo "$0: $folder belongs to another user. Remove it, or run as its owner." >&2
    return 77
  fi
  if [ ! -e "$folder/build.ninja" ]; then
    echo "Configuring $preset"
    (cd "$root" && cmake --preset "$preset") || return 70
  fi
  if ninja -C "$folder" -n "$@" 2>/dev/null | grep -q 'no work to do'; then
    return 0
  fi
  echo "Building $preset"
  ninja -C "$folder" -j "$(nproc)" "$@" || {
    echo "$0: the build of $preset failed: the first message above that says error is the cause." >&2
    return 70
  }
}
