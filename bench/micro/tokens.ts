// What a sign-in pays for its token: one verification by a key of each type, and a refusal that needs none. Tokens are
// verified a hundred at once, as in a storm of sign-ins, because threads do the cryptography.

import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { parseJwks } from "../../src/auth/jwks.ts";
import { TokenVerifier } from "../../src/auth/token.ts";
import type { Case, Topic } from "./case.ts";

const issuer = "https://id.example.com/";
const abreast = 100;
const publicAlgorithms = ["RS256", "ES256", "EdDSA"] as const;

export async function tokensTopic(): Promise<Topic> {
  const secret = new Uint8Array(32).fill(7);
  const pairs = await Promise.all(publicAlgorithms.map((alg) => generateKeyPair(alg)));
  const jwks = await Promise.all(
    pairs.map(async ({ publicKey }, at) => ({ ...(await exportJWK(publicKey)), kid: publicAlgorithms[at] })),
  );
  const { keys } = parseJwks(JSON.stringify({ keys: jwks }), "keys.json");
  const issuers = [{ app: "shop", path: "keys.json", issuer, audience: undefined, keys }];
  const verifier = new TokenVerifier([secret], Date.now, { issuers });
  const signed = (alg: string, key: CryptoKey | Uint8Array, app: string, iss: string): Promise<string> =>
    new SignJWT({ acc: "alice", app, iss }).setProtectedHeader({ alg, kid: alg }).setExpirationTime("365d").sign(key);
  const tokens = await Promise.all([
    signed("HS256", secret, "bank", issuer),
    ...pairs.map(({ privateKey }, at) => signed(publicAlgorithms[at] ?? "", privateKey, "shop", issuer)),
  ]);
  const cases = ["HS256", ...publicAlgorithms].map((alg, at): Case => {
    const token = tokens[at] ?? "";
    return {
      name: `tokens/${abreast} of ${alg}`,
      run: async () => {
        const verdicts = await Promise.all(Array.from({ length: abreast }, () => verifier.verify(token)));
        if (!verdicts.every(({ ok }) => ok)) throw new Error(`a token of ${alg} was refused`);
        return verdicts;
      },
    };
  });
  const { privateKey: rsaKey } = await generateKeyPair("RS256");
  const strange = await signed("RS256", rsaKey, "shop", "https://another.example.com/");
  const refusal: Case = { name: "tokens/one of another issuer", run: () => verifier.verify(strange) };
  return { cases: [...cases, refusal] };
}
