import { describe, expect, test } from "bun:test";
import { headEndOf, parseUpgrade, upgradeAnswer } from "../../src/transport/upgrade-request.ts";
import { upgradeRequest } from "../support/proxy-protocol.ts";

/** What is made of a request of these lines. */
const parsed = (...lines: string[]) => parseUpgrade(Buffer.from(`${lines.join("\r\n")}\r\n\r\n`));

const valid = ["GET / HTTP/1.1", "Host: x", "Upgrade: websocket", "Connection: Upgrade"];
const key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";

describe("a WebSocket's request", () => {
  test("is answered as the RFC's example", () => {
    const request = parseUpgrade(upgradeRequest());
    if ("answer" in request) throw new Error("it is an upgrade");
    const lines = upgradeAnswer(request).toString().split("\r\n");
    expect(lines[0]).toBe("HTTP/1.1 101 Switching Protocols");
    expect(lines).toContain("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    expect(lines.slice(-2)).toEqual(["", ""]);
    expect(lines.some((line) => line.startsWith("Sec-WebSocket-Protocol"))).toBe(false);
  });

  test("gets the first subprotocol that it offers, and none that is no token", () => {
    const answer = (protocol: string): string => {
      const request = parseUpgrade(upgradeRequest(`Sec-WebSocket-Protocol: ${protocol}`));
      if ("answer" in request) throw new Error("it is an upgrade");
      return upgradeAnswer(request).toString();
    };
    expect(answer("chat, superchat")).toContain("\r\nSec-WebSocket-Protocol: chat\r\n");
    expect(answer("a b")).not.toContain("Protocol:");
    expect(answer("a\tb, c")).not.toContain("Protocol:");
  });

  test("may spell names and the word as it likes, without a version and in HTTP/1.0", () => {
    const spelled = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==";
    expect("answer" in parsed("GET /x?y HTTP/1.0", "UPGRADE:WebSocket", spelled)).toBe(false);
    expect("answer" in parsed("GET / HTTP/1.1", "Upgrade: h2c, websocket", spelled)).toBe(false);
    expect("answer" in parsed("GET / HTTP/1.1", "Upgrade: websockets", spelled)).toBe(true);
  });

  test("keeps all values of a header that comes several times, in order", () => {
    const request = parseUpgrade(upgradeRequest("X-Forwarded-For: a", "x-forwarded-for: b, c"));
    expect("headers" in request && request.headers.get("x-forwarded-for")).toEqual(["a", "b, c"]);
  });

  const refusals: readonly (readonly [string, readonly string[], number])[] = [
    ["a plain request", ["GET / HTTP/1.1", "Host: x"], 426],
    ["another method", ["POST / HTTP/1.1", ...valid.slice(1), key], 426],
    ["another version", [...valid, key, "Sec-WebSocket-Version: 8"], 426],
    ["no key", valid, 426],
    ["a key of another length", [...valid, "Sec-WebSocket-Key: YQ=="], 400],
    ["HTTP/2", ["PRI * HTTP/2.0"], 400],
    ["no HTTP", ["hello"], 400],
    ["a line that is no header", [...valid, key, "no colon"], 400],
    ["a name with a blank", [...valid, key, "X Y: z"], 400],
    ["a line that continues another one", [...valid, key, " more"], 400],
    ["a zero byte", [...valid, key, "X: a\0b"], 400],
    ["a bare line feed", [...valid, key, "X: a\nUpgrade: none"], 400],
  ];
  test.each(refusals)("%s is refused, and the connection closed", (_, lines, status) => {
    const refused = parsed(...lines);
    if (!("answer" in refused)) throw new Error("it is refused");
    expect(refused.status).toBe(status);
    expect(refused.answer.toString()).toStartWith(`HTTP/1.1 ${status} `);
    expect(refused.answer.toString()).toContain("\r\nConnection: close\r\n");
  });

  test("has no body in its answer to HEAD", () => {
    const refused = parsed("HEAD / HTTP/1.1", "Host: x");
    expect("answer" in refused && refused.answer.toString().endsWith("\r\n\r\n")).toBe(true);
  });

  test("ends where the empty line does, however it is cut", () => {
    const whole = Buffer.concat([upgradeRequest(), Buffer.from("frames")]);
    const end = whole.length - "frames".length;
    for (let came = 0; came < whole.length; came++) {
      const before = headEndOf(whole.subarray(0, came), 0);
      expect(before).toBe(came < end ? -1 : end);
      if (before === -1) expect(headEndOf(whole, came)).toBe(end);
    }
  });
});
