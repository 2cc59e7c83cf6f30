// What a helper starts ends with it, however it ends: after kill -9 nobody is left to end anything. The kernel does it
// on Linux (prctl(2), PR_SET_PDEATHSIG, by util-linux' setpriv); elsewhere only an orderly end ends the others.

import type { Subprocess } from "bun";

const setpriv = Bun.which("setpriv");

/** Words before a command, whose process gets a signal when the process that spawns it ends. It keeps its pid. */
export function endsWithParent(signal: "KILL" | "QUIT" | "TERM" = "KILL"): string[] {
  return setpriv === null ? [] : [setpriv, "--pdeathsig", signal];
}

/** Held, so that no collection of garbage closes their pipes. */
const watchers: Subprocess[] = [];

/** Removes a folder when this process has ended, in whatever way. */
export function removeAfterwards(folder: string): void {
  doAfterwards('sleep 1; rm -rf -- "$1"', folder);
}

/**
 * Runs a script of sh, with these words as its parameters, when this process has ended, in whatever way. `read` returns
 * at the end of the pipe, which this process holds and never writes to.
 */
export function doAfterwards(script: string, ...words: readonly string[]): void {
  const waiting = `trap "" INT TERM HUP; read -r _; ${script}`;
  const shell = Bun.spawn(["sh", "-c", waiting, "sh", ...words], { stdin: "pipe", stdout: "ignore", stderr: "ignore" });
  shell.unref();
  watchers.push(shell);
}
