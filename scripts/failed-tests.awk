# Reads Bun's log of a run and tells of each test that failed its file, its name, and the error, which stands before the
# line that names the test: at most 60 lines each of at most 12 tests.

BEGIN {
  lines_max = 60
  tests_max = 12
  forget()
}

# At the end the log lists them again.
/^[0-9]+ tests? (failed|skipped|todo):$/ { exit }

/^[^ ()]+\.test\.ts:$/ {
  tell_unhandled()
  file = substr($0, 1, length($0) - 1)
  next
}
/^\((pass|skip|todo)\) / {
  tell_unhandled()
  next
}
/^\(fail\) / {
  tell(substr($0, 8))
  forget()
  after_failure = 1
  next
}
# A process of the pool is gone, and the rest of its file with it.
/^✗ .*\.test\.ts \(/ {
  file = $2
  tell(substr($0, index($0, "(")))
  forget()
  next
}
# The run was ended: these files hung, or came last.
/^Interrupted while still running:$/ {
  are_unfinished = 1
  next
}
are_unfinished && /^  .*\.test\.ts \(/ {
  file = $1
  tell("not over after " substr($2, 2, length($2) - 2))
  next
}
are_unfinished { are_unfinished = 0 }
# That a test took too long follows its name.
after_failure && /^  \^ / {
  if (failed <= tests_max) print
  next
}

{
  after_failure = 0
  block[++lines] = $0
}
/^# Unhandled error between tests$/ { is_unhandled = 1 }
error_at == 0 && /^([A-Za-z]*Error|error): / { error_at = lines }

END {
  tell_unhandled()
  if (failed > tests_max) print "----- and " failed - tests_max " more"
}

function tell(name,    first, last, at) {
  if (++failed > tests_max) return
  print "----- " file ": " name
  if (lines == 0) return
  # Up to seven lines of code stand before an error. Where there is none, what the test wrote last has to do.
  first = error_at > 0 ? error_at - 7 : lines - 20
  if (first < 1) first = 1
  last = first + lines_max - 1
  if (last > lines) last = lines
  for (at = first; at <= last; at++) print block[at]
  if (last < lines) print "(" lines - last " lines more)"
}

function tell_unhandled() {
  if (is_unhandled) tell("an error outside of the tests")
  forget()
}

function forget() {
  split("", block)
  lines = 0
  error_at = 0
  is_unhandled = 0
  after_failure = 0
}
