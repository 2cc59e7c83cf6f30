// What a database's URL says about TLS, without a server.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { mayBePlain, secureUrlOf, sslModeOf } from "../../src/store/postgres/secure-url.ts";

const former = process.env["PGSSLMODE"];
beforeEach(() => delete process.env["PGSSLMODE"]);
afterEach(() => {
  if (former === undefined) delete process.env["PGSSLMODE"];
  else process.env["PGSSLMODE"] = former;
});

const modeOf = (query: string): string | undefined => sslModeOf(new URL(`postgres://db.internal/roost?${query}`));

test("a file of authorities verifies the server in every mode that does not say otherwise", () => {
  for (const mode of ["allow", "prefer", "require", "verify-full"])
    expect(modeOf(`sslmode=${mode}&sslrootcert=/ca`)).toBe("verify-full");
  expect(modeOf("sslrootcert=/ca")).toBe("verify-full");
  expect(modeOf("sslmode=verify-ca&sslrootcert=/ca")).toBe("verify-ca");
  expect(modeOf("sslmode=disable&sslrootcert=/ca")).toBe("disable");
});

test("a client's certificate is shown: it needs TLS", () => {
  expect(modeOf("sslcert=/c&sslkey=/k")).toBe("require");
  expect(modeOf("sslmode=prefer&sslcert=/c&sslkey=/k")).toBe("prefer");
});

test("a URL without TLS says nothing; an unknown mode is refused", () => {
  expect(modeOf("")).toBeUndefined();
  expect(() => modeOf("sslmode=on")).toThrow('sslmode "on" is unknown: expected disable, allow');
});

test("what is said twice is refused: programs differ in which of them they take", () => {
  expect(() => modeOf("sslmode=disable&sslmode=verify-full")).toThrow("sslmode is given twice");
  expect(() => secureUrlOf("postgres://db/roost?sslrootcert=/a&sslrootcert=/b")).toThrow("sslrootcert is given twice");
});

test("plain text to another machine is noticed unless somebody has decided it", () => {
  const cases: readonly [string, boolean][] = [
    ["postgres://u:p@db.internal/roost", true],
    ["postgres://u:p@[fd00::5]/roost?sslmode=prefer", true],
    ["postgres://u:p@10.0.0.5/roost?sslmode=allow", true],
    ["postgres://u:p@db.internal/roost?sslmode=disable", false],
    ["postgres://u:p@db.internal/roost?sslmode=require", false],
    ["postgres://u:p@db.internal/roost?sslrootcert=/ca", false],
    ["postgres://u:p@127.0.0.1/roost", false],
    ["postgres://u:p@[::1]/roost", false],
    ["postgres://u:p@localhost/roost", false],
    ["postgres:///roost?host=/run/postgresql", false],
    ["postgres://u@%2Frun%2Fpostgresql/roost", false],
  ];
  for (const [url, isPlain] of cases) expect([url, mayBePlain(url)]).toEqual([url, isPlain]);
  process.env["PGSSLMODE"] = "verify-full";
  expect(mayBePlain("postgres://db.internal/roost")).toBe(false);
});
