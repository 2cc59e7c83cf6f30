import { expect, test } from "bun:test";
import { Origins } from "../../src/transport/origins.ts";

const allows = (patterns: string, origin: string | null): boolean => new Origins(patterns.split(",")).allow(origin);

test("an origin is compared as a browser has it: with its scheme and port, whatever the case", () => {
  const list = "https://example.com,HTTP://App.Example:80,https://chat.example:8443,http://[::1]:3000";
  for (const origin of [
    ...["https://example.com", "HTTPS://EXAMPLE.COM", "https://example.com:443", "http://app.example"],
    ...["https://chat.example:8443", "http://[::1]:3000", "http://[0:0:0:0:0:0:0:1]:3000"],
  ])
    expect([origin, allows(list, origin)]).toEqual([origin, true]);
  for (const origin of [
    ...["http://example.com", "https://example.com:444", "https://www.example.com", "https://example.com.evil.example"],
    ...["https://evilexample.com", "https://example.co", "https://chat.example", "http://[::1]", "example.com", ""],
    ...["https://example.com@evil.example", "https://evil.example/https://example.com", "https://example.com."],
  ])
    expect([origin, allows(list, origin)]).toEqual([origin, false]);
});

test("a name of any depth below *. is taken, and not the name itself", () => {
  for (const origin of ["https://a.example.com", "https://a.b.example.com", "https://A.EXAMPLE.com:443"])
    expect([origin, allows("https://*.example.com", origin)]).toEqual([origin, true]);
  for (const origin of [
    ...["https://example.com", "https://evilexample.com", "http://a.example.com", "https://a.example.com:8443"],
    ...["https://a.example.com.evil.example", "https://.example.com/x", "https://*.example.com@evil.example"],
  ])
    expect([origin, allows("https://*.example.com", origin)]).toEqual([origin, false]);
  expect(allows("http://*.localhost:3000", "http://a.localhost:3000")).toBe(true);
});

test("schemes of apps are origins, too", () => {
  expect(allows("capacitor://localhost", "capacitor://localhost")).toBe(true);
  expect(allows("capacitor://localhost", "ionic://localhost")).toBe(false);
});

test("pages without an origin are refused unless null is in the list; what sends no Origin is no page", () => {
  expect([allows("https://example.com", "null"), allows("null", "null"), allows("*", "null")]).toEqual([
    false,
    true,
    true,
  ]);
  expect([allows("https://example.com", null), new Origins([]).allow(undefined)]).toEqual([true, true]);
  expect([allows("null", "https://example.com"), new Origins([]).allow("https://example.com")]).toEqual([false, false]);
});

test("the pages of files send null or, where a program lets them read other files, file://", () => {
  const answers = (patterns: string) => ["null", "file://", "FILE://"].map((origin) => allows(patterns, origin));
  expect(answers("null")).toEqual([true, false, false]);
  expect(answers("file://")).toEqual([false, true, false]);
  expect(answers("https://example.com")).toEqual([false, false, false]);
  for (const pattern of ["file:///", "file:///a", "capacitor://"])
    expect(() => new Origins([pattern]), pattern).toThrow("origins with commas");
});

test("a header that is no origin, too long, or two of them, is refused unless all are allowed", () => {
  const long = `https://${"a".repeat(100_000)}.example.com`;
  for (const origin of [
    ...["https://example.com, https://example.com", "https://example.com https://example.com", "https:example.com"],
    ...["https://", "://", "*", "https://*", "https://example.com\\@evil.example", "javascript:alert(1)", long],
  ]) {
    expect([origin, allows("https://example.com,https://*.example.com", origin)]).toEqual([origin, false]);
    expect(allows("*", origin)).toBe(true);
  }
});

test("a pattern that is no origin is refused with what would be right", () => {
  for (const pattern of [
    ...["example.com", "https://", "https://*", "https://*.", "https://a.*.example.com", "https://*a.example.com"],
    ...["https://example.com/chat", "https://user@example.com", "https://example.com?a", "**", "https://*.*.com", " "],
    ...["https://example.com:99999", "https://*.10.0.0.1.5.6"],
  ])
    expect(() => new Origins([pattern]), pattern).toThrow("such as https://example.com or https://*.example.com");
});
