# Sourced by the scripts of this folder: finds a fitting Bun, or takes it from the npm package of that name into
# .tools/, and installs the packages of the lock file. Sets ROOT and BUN, and puts BUN's folder on PATH. Needs Node with
# npm, or Bun.

# What a folder or the variables say that Bun would obey before our first line; see scripts/build.
unset BUN_OPTIONS BUN_BE_BUN BUN_CONFIG_VERBOSE_FETCH
unset BUN_INSPECT BUN_INSPECT_CONNECT_TO BUN_INSPECT_NOTIFY BUN_INSPECT_PRELOAD

ROOT=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
BUN_VERSION=$(sed -n 's/.*"bun": "\([0-9.]*\)".*/\1/p' "$ROOT/package.json" | head -n 1)

find_bun() {
  local candidate
  for candidate in "$(command -v bun || true)" "$ROOT/.tools/node_modules/.bin/bun"; do
    if [ -n "$candidate" ] && [ "$("$candidate" --version 2>/dev/null)" = "$BUN_VERSION" ]; then
      printf '%s\n' "$candidate"
      return 0
    fi
  done
  return 1
}

fetch_bun() {
  echo "roost: fetching Bun $BUN_VERSION into .tools/" >&2
  mkdir -p "$ROOT/.tools"
  [ -e "$ROOT/.tools/package.json" ] || echo '{ "private": true }' > "$ROOT/.tools/package.json"
  if command -v npm >/dev/null; then
    npm install --prefix "$ROOT/.tools" --no-save --no-audit --no-fund --loglevel=error "bun@$BUN_VERSION" >&2
  elif command -v bun >/dev/null; then
    (cd "$ROOT/.tools" && bun add --exact "bun@$BUN_VERSION" >&2)
  else
    echo "roost: neither npm nor Bun is installed; install Node.js with npm, or Bun $BUN_VERSION" >&2
    return 1
  fi
}

if ! BUN=$(find_bun); then
  fetch_bun
  BUN=$(find_bun) || { echo "roost: the npm package bun@$BUN_VERSION gave no working Bun" >&2; exit 1; }
fi
PATH="$(dirname "$BUN"):$PATH"
export PATH

STAMP="$ROOT/node_modules/.roost-installed"
if [ ! -e "$STAMP" ] || [ "$ROOT/bun.lock" -nt "$STAMP" ] || [ "$ROOT/package.json" -nt "$STAMP" ]; then
  echo "roost: installing packages" >&2
  (cd "$ROOT" && "$BUN" install --frozen-lockfile --silent >&2)
  touch "$STAMP"
fi

# Runs a file with this repository's bunfig.toml and without .env files, whatever folder it is started in.
RUN=("$BUN" "--config=$ROOT/bunfig.toml" --no-env-file)

# Runs a package's command with Bun in the place of Node, which may not be there.
tool() {
  local name=$1
  shift
  (cd "$ROOT" && "$BUN" --bun run "$name" "$@")
}
