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

# make_sysroot: build/sysroot-arm64, Arm's libraries for cmake/arm64.cmake, from this machine's own Debian sources. Anew when the list of
# packages has changed. Only lib and usr: qemu looks into a sysroot first, and would take its /dev or /etc for this machine's.
make_sysroot() {
  local sysroot=$root/build/sysroot-arm64 new list sources
  list=$(packages_of build | grep -e '-dev$'; packages_of sysroot)
  [ "$(cat "$sysroot/packages" 2>/dev/null)" = "$list" ] && return 0
  # shellcheck disable=SC2016  # the variables are apt's
  sources=$(apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 'Origin: Debian' | sort -u)
  if [ -z "$sources" ]; then
    echo "$0: apt knows no Debian source to fetch Arm's libraries from: run apt-get update, and see /etc/apt/sources.list" >&2
    return 69
  fi
  echo "Making $sysroot: $(wc -w <<<"$list") packages and what they need, some 160 MB"
  mkdir -p "$root/build"
  new=$(mktemp -d "$root/build/sysroot.XXXXXX") && chmod 755 "$new" || return 73  # apt downloads as a user of its own
  if ! mmdebstrap --variant=extract --architectures=arm64 --include="$(paste -sd, <<<"$list")" bookworm "$new" <<<"$sources"; then
    rm -rf --one-file-system "$new"
    echo "$0: mmdebstrap could not make the sysroot: its message stands above. Needed: network or a mirror that has arm64, at" >&2
    echo "$sources" >&2
    return 69
  fi
  find "$new" -mindepth 1 -maxdepth 1 ! -name lib ! -name usr -exec rm -rf --one-file-system {} +
  echo "$list" >"$new/packages"
  rm -rf --one-file-system "$sysroot"
  mv "$new" "$sysroot"
}
