// Runs a command as a unit confines it, without systemd: `confined-main.ts UNIT COMMAND…` takes the system calls and
// socket families of the unit's SystemCallFilter and RestrictAddressFamilies, has libseccomp refuse all others, and
// becomes the command.

import { dlopen, ptr } from "bun:ffi";
import { constants } from "node:os";
import { Unit } from "./systemd-unit.ts";

/** `seccomp.h` of libseccomp. */
const actionAllow = 0x7fff_0000;
const actionErrno = (errno: number): number => 0x0005_0000 | errno;
const compareEqual = 4;
const comparisonBytes = 24;
const families: Readonly<Record<string, number>> = { AF_UNIX: 1, AF_INET: 2, AF_INET6: 10, AF_NETLINK: 16 };
const familiesMax = 46;

const [unitPath = "", command = "", ...words] = process.argv.slice(2);
const unit = new Unit(unitPath);

/** The system calls of a name or of a group of systemd's. */
function callsOf(name: string): string[] {
  if (!name.startsWith("@")) return [name];
  const shown = Bun.spawnSync(["systemd-analyze", "syscall-filter", "--no-pager", name]);
  if (!shown.success) throw new Error(shown.stderr.toString());
  const members = shown.stdout.toString().split("\n").slice(1);
  return members
    .map((line) => line.trim())
    .filter((line) => /^[@\w]/.test(line))
    .flatMap(callsOf);
}

const allowed = new Set(callsOf("@default"));
for (const value of unit.values("SystemCallFilter")) {
  const calls = value.replace(/^~/, "").split(" ").flatMap(callsOf);
  for (const call of calls) {
    if (value.startsWith("~")) allowed.delete(call);
    else allowed.add(call);
  }
}
const familiesAllowed = new Set(unit.words("RestrictAddressFamilies").map((name) => families[name]));

const seccomp = dlopen("libseccomp.so.2", {
  seccomp_init: { args: ["u32"], returns: "ptr" },
  seccomp_syscall_resolve_name: { args: ["ptr"], returns: "i32" },
  seccomp_rule_add_array: { args: ["ptr", "u32", "i32", "u32", "ptr"], returns: "i32" },
  seccomp_load: { args: ["ptr"], returns: "i32" },
}).symbols;
const libc = dlopen("libc.so.6", { execve: { args: ["ptr", "ptr", "ptr"], returns: "i32" } }).symbols;

const zeroEnded = (text: string): Uint8Array => new TextEncoder().encode(`${text}\0`);
/** Pointers to texts, and a null pointer behind them. Whoever calls keeps the texts alive. */
const pointersTo = (texts: readonly Uint8Array[]): BigUint64Array =>
  new BigUint64Array([...texts.map((text) => BigInt(ptr(text))), 0n]);
const numberOf = (call: string): number => seccomp.seccomp_syscall_resolve_name(zeroEnded(call));

const filter = seccomp.seccomp_init(actionErrno(constants.errno.EPERM));
function rule(action: number, call: number, comparison?: Uint8Array): void {
  const result = seccomp.seccomp_rule_add_array(
    filter,
    action,
    call,
    comparison === undefined ? 0 : 1,
    comparison ?? null,
  );
  if (result !== 0) throw new Error(`seccomp_rule_add_array: ${result}`);
}
/** The first argument is `value`. */
function firstIs(value: number): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(comparisonBytes));
  bytes.setUint32(4, compareEqual, true);
  bytes.setBigUint64(8, BigInt(value), true);
  return new Uint8Array(bytes.buffer);
}

for (const call of allowed) {
  const number = numberOf(call);
  // Negative: a call of other processors.
  if (number >= 0 && call !== "socket") rule(actionAllow, number);
}
for (let family = 0; family < familiesMax; family++) {
  const action = familiesAllowed.has(family) ? actionAllow : actionErrno(constants.errno.EAFNOSUPPORT);
  rule(action, numberOf("socket"), firstIs(family));
}

const argv = [command, ...words].map(zeroEnded);
const variables = Object.entries(process.env).map(([name, value]) => zeroEnded(`${name}=${value}`));
const pointers = [pointersTo(argv), pointersTo(variables)] as const;
const path = zeroEnded(command);
if (seccomp.seccomp_load(filter) !== 0) throw new Error("seccomp_load");
libc.execve(path, ...pointers);
throw new Error(`cannot become ${command}`);
