// What the fragment of the page's address may have.

import { expect, test } from "bun:test";
import { readFragment } from "../../src/web/state/ticket.ts";

const secret = "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_AbCdE";
const token = "eyJhbGciOiJIUzI1NiJ9.eyJhY2MiOiJhbm4ifQ.c2lnbmF0dXJl";

test("a fragment is a link's secret or a token, named or not", () => {
  expect(readFragment("")).toEqual({});
  expect(readFragment("#")).toEqual({});
  expect(readFragment(`#link=${secret}`)).toEqual({ secret });
  expect(readFragment(`#${secret}`)).toEqual({ secret });
  expect(readFragment(`#token=${token}`)).toEqual({ token });
  expect(readFragment(`#${token}`)).toEqual({ token });
});

test("a fragment that is cut off, encoded, named wrongly or anything else is called broken", () => {
  const wrong = [
    secret.slice(1),
    `link=${secret.slice(5)}`,
    `link=${token}`,
    `token=${secret}`,
    "token=",
    "token=a.b",
    `token=${token}.${token}`,
    `%zz`,
    `link=${secret}%00`,
    `link=${secret}\n`,
    "<script>alert(1)</script>",
    "x".repeat(10_000),
  ];
  for (const fragment of wrong)
    expect([fragment, readFragment(`#${fragment}`)]).toEqual([fragment, { isBroken: true }]);
});
