// GET /docs and GET /openapi.json: what is sent, and what a browser may do with it.

import { describe, expect, test } from "bun:test";
import { Descriptions } from "../../src/api/description/descriptions.ts";
import { apiMethods } from "../../src/api/description/methods.ts";

const description = new Descriptions("1.2.3");

function get(path: string, headers: Record<string, string> = {}, method = "GET"): Response {
  const request = new Request(`http://im.example:8200${path}`, {
    method,
    headers: { host: "im.example:8200", ...headers },
  });
  const answer = description.answer(request, path);
  if (answer === undefined) throw new Error(`${method} ${path} is not answered`);
  return answer;
}

test("the page has every method with its scope, its fields and its line, and is found at / and /docs", async () => {
  const html = await get("/docs").text();
  expect(await get("/").text()).toBe(html);
  for (const { name, path, scope, desc } of apiMethods.values()) {
    const start = html.indexOf(`<article id="${name.replace("/", ".")}">`);
    const article = html.slice(start, html.indexOf("</article>", start));
    expect([name, start > 0]).toEqual([name, true]);
    expect(article).toContain(`<code>${scope}</code>`);
    expect(article).toContain(`curl http://im.example:8200${path} `);
    for (const { jsonName } of desc.input.fields) expect(article).toContain(`<code>${jsonName}</code>`);
  }
});

test("each link of the page leads to a place in it, or to the OpenAPI document", async () => {
  const html = await get("/docs").text();
  const ids = new Set([...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => `#${id}`));
  const links = [...html.matchAll(/ href="([^"]+)"/g)].map(([, link = ""]) => link);
  expect(links.length).toBeGreaterThan(apiMethods.size);
  expect(links.filter((link) => !ids.has(link))).toEqual(["openapi.json"]);
});

test("the page loads nothing, and its policy allows its own style and script alone", async () => {
  const answer = get("/docs");
  const html = await answer.text();
  expect(html).not.toMatch(/ (?:src|srcset|style|on[a-z]+)=|@import|url\(/);
  const hash = (name: string): string => {
    const [, text = ""] = new RegExp(`<${name}>([^]*?)</${name}>`).exec(html) ?? [];
    return `'sha256-${new Bun.CryptoHasher("sha256").update(text).digest("base64")}'`;
  };
  expect(answer.headers.get("content-security-policy")).toBe(
    `default-src 'none'; style-src ${hash("style")}; script-src ${hash("script")}; base-uri 'none'; ` +
      "form-action 'none'; frame-ancestors 'none'",
  );
  expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
});

describe("the address in the page", () => {
  test("is https behind a proxy that has the certificate", async () => {
    expect(await get("/docs", { "x-forwarded-proto": "https" }).text()).toContain("curl https://im.example:8200/roost");
  });

  test("is none that a Host header puts markup or a command into", async () => {
    for (const host of ["<script>", "a;reboot", "$(reboot)", "'x", "a b", "a/b", "a".repeat(254)]) {
      const html = await get("/docs", { host }).text();
      expect([host, html.includes(`http://${host}`)]).toEqual([host, false]);
      expect(html).toContain("curl http://im.example:8200/roost");
    }
  });
});

test("a document that the reader has is not sent again", async () => {
  for (const path of ["/docs", "/openapi.json"]) {
    const etag = get(path).headers.get("etag") ?? "";
    for (const known of [etag, `W/${etag}`, `"x", ${etag}`, "*"]) {
      const answer = get(path, { "if-none-match": known });
      expect([answer.status, await answer.text(), answer.headers.get("etag")]).toEqual([304, "", etag]);
    }
    expect(get(path, { "if-none-match": '"x"' }).status).toBe(200);
  }
});

test("only GET and HEAD of the descriptions are answered here", () => {
  for (const [method, path] of [
    ["POST", "/docs"],
    ["GET", "/docs/"],
    ["GET", "/roost.v1.Messages/Send"],
  ] as const)
    expect(description.answer(new Request(`http://im.example${path}`, { method }), path)).toBeUndefined();
  expect(get("/openapi.json", {}, "HEAD").status).toBe(200);
});
