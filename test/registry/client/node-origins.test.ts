// Which addresses of the registry's nodes a client takes.

import { expect, test } from "bun:test";
import { originIn, schemesFor } from "../../../src/registry/client/node-origins.ts";

const [plain, secure] = ["http://10.0.0.1:7171", "https://10.0.0.1:7171"];
const both = [plain, secure];

test("a client that knows HTTPS nodes alone, or requires TLS, takes no other; one with a CA prefers them", () => {
  expect(schemesFor([secure], undefined)).toBe("secure");
  expect(schemesFor([secure], { isRequired: false })).toBe("secure");
  expect(schemesFor([plain], { isRequired: true })).toBe("secure");
  expect(schemesFor(both, { isRequired: false })).toBe("secure-first");
  expect(schemesFor(both, undefined)).toBe("plain-first");
});

test("the first address that fits is taken", () => {
  expect(originIn(both, "secure")).toBe(secure);
  expect(originIn(both, "secure-first")).toBe(secure);
  expect(originIn(both, "plain-first")).toBe(plain);
  for (const schemes of ["secure-first", "plain-first"] as const) {
    expect(originIn([plain], schemes)).toBe(plain);
    expect(originIn([secure], schemes)).toBe(secure);
  }
  expect(originIn([plain], "secure")).toBeUndefined();
  expect(originIn([], "plain-first")).toBeUndefined();
});

test.each(["tcp://10.0.0.1:7171", "https://10.0.0.1/path", "https://10.0.0.1/?q", "HTTPS://10.0.0.1", "https://", "x"])(
  "%s is no node",
  (address) => expect(originIn([address], "plain-first")).toBeUndefined(),
);
