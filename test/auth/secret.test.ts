import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureSecret, secretFromText, secretPath, secretsFromFile } from "../../src/auth/secret.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "roost-secret-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("a folder's secret is made once, is long, and is its owner's alone", () => {
  expect(ensureSecret(folder)).toBe(true);
  const made = readFileSync(secretPath(folder), "utf8");
  expect(statSync(secretPath(folder)).mode & 0o777).toBe(0o600);
  expect(ensureSecret(folder)).toBe(false);
  expect(readFileSync(secretPath(folder), "utf8")).toBe(made);
  expect(secretsFromFile(secretPath(folder))[0]?.length).toBeGreaterThanOrEqual(32);
  expect(readdirSync(folder)).toEqual(["secret"]);
});

test("a file's lines are keys, the first one first", () => {
  const path = join(folder, "keys");
  writeFileSync(path, "the first key of them\nthe second key of them\n");
  expect(secretsFromFile(path).map((key) => new TextDecoder().decode(key))).toEqual([
    "the first key of them",
    "the second key of them",
  ]);
});

test("short, empty and missing secrets are refused with where and why", () => {
  expect(() => secretFromText("fifteen bytes..", "--secret")).toThrow("--secret: a secret has at least 16 bytes");
  expect(secretFromText("sixteen bytes...", "--secret")).toHaveLength(16);
  const path = join(folder, "keys");
  expect(() => secretsFromFile(path)).toThrow(path);
  writeFileSync(path, "\n");
  expect(() => secretsFromFile(path)).toThrow("is empty");
});
