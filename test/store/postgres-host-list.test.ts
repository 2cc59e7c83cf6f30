// The URL of several PostgreSQL servers, in the form of libpq.

import { expect, test } from "bun:test";
import { parseStore } from "../../src/options/engine-url.ts";
import { placeOf } from "../../src/store/postgres/client.ts";
import { checkHosts, hostsMax, hostUrls } from "../../src/store/host-list.ts";

const refusalOf = (url: string): string => {
  try {
    checkHosts(url);
    return "";
  } catch (error) {
    return error instanceof Error ? error.message : "";
  }
};

test("a list of hosts is one URL for each, with its port, and with what the URL says besides", () => {
  expect(hostUrls("postgres://u:p%2C@h1:5432,h2,[2001:db8::1]:5433,[::1]/db?sslmode=require")).toEqual([
    "postgres://u:p%2C@h1:5432/db?sslmode=require",
    "postgres://u:p%2C@h2/db?sslmode=require",
    "postgres://u:p%2C@[2001:db8::1]:5433/db?sslmode=require",
    "postgres://u:p%2C@[::1]/db?sslmode=require",
  ]);
  expect(hostUrls("postgresql://h1,h2?a=b")).toEqual(["postgresql://h1?a=b", "postgresql://h2?a=b"]);
  expect(hostUrls("postgres:///db?host=/run/postgresql")).toEqual(["postgres:///db?host=/run/postgresql"]);
  // A query may hold question marks.
  for (const query of ["?host=/run/postgresql&password=a?b", "?a=b&&c=?&d#?e", "?"])
    expect(hostUrls(`postgres://u@h1/db${query}`)).toEqual([`postgres://u@h1/db${query}`]);
  expect(hostUrls("postgres://h1,h2/db?target_session_attrs=primary&sslrootcert=/a?b")).toEqual([
    "postgres://h1/db?sslrootcert=/a?b",
    "postgres://h2/db?sslrootcert=/a?b",
  ]);
});

test("target_session_attrs is no setting of the connections, of one host either", () => {
  for (const attribute of ["read-write", "primary"]) {
    const query = `?target_session_attrs=${attribute}`;
    expect(hostUrls(`postgres://h1,h2/db${query}&sslmode=require`)).toEqual([
      "postgres://h1/db?sslmode=require",
      "postgres://h2/db?sslmode=require",
    ]);
    expect(hostUrls(`postgres://u@h1/db${query}`)).toEqual(["postgres://u@h1/db"]);
    expect(refusalOf(`postgres://h1/db${query}`)).toBe("");
  }
});

test("what leads to servers that take no writes is refused with what is expected", () => {
  for (const query of [
    "?target_session_attrs=any",
    "?target_session_attrs=standby",
    "?target_session_attrs=",
    "?target_session_attrs=read-write&target_session_attrs=read-write",
  ])
    expect(refusalOf(`postgres://u:hush@h1,h2/db${query}`)).toMatch(/^target_session_attrs=read-write, once/);
});

test("an empty, a malformed and a doubled host are refused, each by its name, without user and password", () => {
  const of = (hosts: string): string => refusalOf(`postgres://u:hush@${hosts}/db`);
  expect(of("h1,,h3")).toMatch(/host 2 of the URL is empty$/);
  expect(of("h1,")).toMatch(/host 2 of the URL is empty$/);
  for (const host of ["h2:0", "h2:65536", "h2:x", "h2:5432:1", "::1", "[::1", "[h2]", "[::1]x", "h 2", "h2:123456"])
    expect(of(`h1,${host}`)).toContain(`host 2 of the URL is ${JSON.stringify(host)}`);
  expect(of("h1,H1:5432")).toBe("hosts that differ; the URL names h1:5432 twice");
  expect(of("[::1]:5432,h1,[::1]")).toBe("hosts that differ; the URL names [::1]:5432 twice");
  expect(of("h1,h1:5433,[::1],127.0.0.1,%2Frun%2Fpostgresql")).toBe("");
  const many = Array.from({ length: hostsMax + 1 }, (_, index) => `h${index}`);
  expect(of(many.join(","))).toBe(`at most ${hostsMax} hosts in the URL`);
  expect(of(many.slice(1).join(","))).toBe("");
});

test("--store takes a list, and its place in the log has the hosts and no password", () => {
  const url = "postgres://u:hush@h1:5432,h2,[::1]:5433/db?target_session_attrs=read-write";
  expect(parseStore(url)).toBe(url);
  expect(placeOf(url)).toBe("h1:5432,h2,[::1]:5433/db");
  expect(() => parseStore("postgres://u:hush@h1,h1/db")).toThrow(/names h1:5432 twice/);
  expect(() => parseStore("redis://h1:1,h2/0")).toThrow();
});
