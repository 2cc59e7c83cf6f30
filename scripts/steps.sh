# Sourced by scripts/check and scripts/test, after environment.sh: runs named steps, counts them, and sums up.
# WORK is a folder that is removed at the end.

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
passed=0
failed=0
skipped=0

# Runs a command as a step of this name; its output is shown only if it fails.
step() {
  local name=$1
  shift
  local begun=$SECONDS
  if "$@" > "$WORK/step.log" 2>&1; then
    passed=$((passed + 1))
    echo "ok    $name ($((SECONDS - begun)) s)"
  else
    failed=$((failed + 1))
    echo "FAIL  $name"
    tail -n 200 "$WORK/step.log"
  fi
}

# Prints the closing line, `N passed, N failed` (`, N skipped`), and fails if anything has failed.
sum_up() {
  local summary="$passed passed, $failed failed"
  [ "$skipped" -gt 0 ] && summary="$summary, $skipped skipped"
  echo "$summary"
  [ "$failed" -eq 0 ]
}
