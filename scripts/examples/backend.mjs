// A back end in Node 18 or later: issues a token, sends a message, and takes webhooks.
//   ROOST_KEY=rk_… node scripts/examples/backend.mjs
// The server calls an address of this machine only with `--hook-allow 127.0.0.1`.

import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const { ROOST_API = "http://127.0.0.1:8200", ROOST_KEY, HOOK_PORT = "9000" } = process.env;
const bodyBytesMax = 4 * 2 ** 20;
const toleranceSeconds = 300;

async function call(method, request, headers = {}) {
  const response = await fetch(`${ROOST_API}/roost.v1.${method}`, {
    method: "POST",
    headers: { authorization: `Bearer ${ROOST_KEY}`, "content-type": "application/json", ...headers },
    body: JSON.stringify(request),
    signal: AbortSignal.timeout(10_000),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${method}: ${answer.code}: ${answer.message}`);
  return answer;
}

/** Verifies a signature of Standard Webhooks. While a secret is changed, there are two. */
function isSigned(key, headers, body) {
  const { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signatures = "" } = headers;
  if (!(Math.abs(Date.now() / 1000 - Number(timestamp)) <= toleranceSeconds)) return false;
  const wanted = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest();
  return signatures.split(" ").some((signature) => {
    const found = Buffer.from(signature.replace(/^v1,/, ""), "base64");
    return found.length === wanted.length && timingSafeEqual(found, wanted);
  });
}

let key = Buffer.alloc(0);
async function takeHook(request, response) {
  let body = Buffer.alloc(0);
  for await (const chunk of request)
    if ((body = Buffer.concat([body, chunk])).length > bodyBytesMax) throw new Error("the body is too long");
  const isTrue = isSigned(key, request.headers, body);
  // The same event may come again: what it leads to has to be done once for its id.
  if (isTrue) for (const { type, data } of JSON.parse(body).events) console.log(type, data.messageId, data.body);
  response.writeHead(isTrue ? 204 : 401).end();
}
const server = createServer((request, response) => void takeHook(request, response).catch(() => request.destroy()));
await new Promise((resolve) => server.listen(Number(HOOK_PORT), "127.0.0.1", resolve));

const hook = { name: "node", url: `http://127.0.0.1:${HOOK_PORT}/`, events: ["message.stored"], rotateSecret: true };
const { secret } = await call("Admin/SetWebhook", hook);
key = Buffer.from(secret.replace("whsec_", ""), "base64");
const { token } = await call("Accounts/IssueToken", { account: "alice" });
console.log("token", token);
// An order's number, for example: if the answer is lost, the request is repeated with it.
const parcel = { "idempotency-key": `parcel-${Date.now()}` };
const { messageId } = await call("Messages/Send", { to: "alice", body: "Your parcel is on its way." }, parcel);
console.log("sent", messageId);
