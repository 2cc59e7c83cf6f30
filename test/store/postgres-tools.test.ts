// What the tools of PostgreSQL's client are given, and what is reported where one is missing or too old. Each look
// is in a process of its own, which has another environment.

import { expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder("postgres-tools-");

/** The path of the tool, or the error's sentence. */
function look(name: string, serverMajor: number): string {
  const tools = JSON.stringify(join(import.meta.dir, "../../src/store/postgres/tools.ts"));
  const script = `const { toolFor } = await import(${tools});
    try { console.log(toolFor(${JSON.stringify(name)}, ${serverMajor})); }
    catch (error) { console.log(error.message); }`;
  const { stdout } = Bun.spawnSync([process.execPath, "-e", script], { env: { ...process.env, PATH: folder } });
  return stdout.toString().trim();
}

test("a missing tool is reported with its package: with a version only if one is wanted", () => {
  expect(look("pg_restore", 0)).toMatch(/^pg_restore is not installed; .* in the package postgresql-client$/);
  expect(look("psql", 15)).toMatch(/^psql is not installed; .* in the package postgresql-client-15$/);
});

test("a tool of any version will do where no version is wanted", () => {
  const path = join(folder, "pg_dump");
  writeFileSync(path, "#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.24'\n");
  chmodSync(path, 0o755);
  expect(look("pg_dump", 0)).toBe(path);
  expect(look("pg_dump", 15)).toMatch(/is of PostgreSQL 9 and .* install the package postgresql-client-15$/);
});

test("the tools sign in as this program does, and are led to no other database by variables", () => {
  const tools = JSON.stringify(join(import.meta.dir, "../../src/store/postgres/tools.ts"));
  const script = `const { environmentOf } = await import(${tools});
    for (const url of ["postgres://h/db", "postgres://carol:p@h/db"]) {
      const { PGUSER, PGPASSWORD, PGHOST, PGDATABASE, PGSERVICE, PGHOSTADDR } = environmentOf(url);
      console.log(JSON.stringify([PGUSER, PGPASSWORD, PGHOST, PGDATABASE, PGSERVICE, PGHOSTADDR]));
    }`;
  const { stdout } = Bun.spawnSync([process.execPath, "-e", script], {
    env: { ...process.env, PGUSER: "dave", PGPASSWORD: "q", PGSERVICE: "other", PGHOSTADDR: "10.0.0.1" },
  });
  const lines: unknown[] = stdout
    .toString()
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(lines).toEqual([
    ["dave", "q", "h", "db", null, null],
    ["carol", "p", "h", "db", null, null],
  ]);
});

test("the tools verify by the public authorities where PGSSLMODE alone says verify-full, as this program does", () => {
  const tools = JSON.stringify(join(import.meta.dir, "../../src/store/postgres/tools.ts"));
  const script = `const { environmentOf } = await import(${tools});
    const { PGSSLMODE, PGSSLROOTCERT } = environmentOf("postgres://h/db");
    console.log(JSON.stringify([PGSSLMODE, PGSSLROOTCERT]));`;
  const shown = (more: Record<string, string>): unknown =>
    JSON.parse(Bun.spawnSync([process.execPath, "-e", script], { env: { ...process.env, ...more } }).stdout.toString());
  expect(shown({ PGSSLMODE: "verify-full" })).toEqual(["verify-full", expect.stringMatching(/^\/etc\/.*\.(crt|pem)$/)]);
  expect(shown({ PGSSLMODE: "verify-full", PGSSLROOTCERT: "/ca" })).toEqual(["verify-full", "/ca"]);
  expect(shown({ PGSSLMODE: "require" })).toEqual(["require", null]);
});
