// The examples of RFC 7515 (appendix A) and RFC 8037 (appendix A.4), verified with the keys as this server reads them.

import { expect, test } from "bun:test";
import { compactVerify } from "jose";
import { parseJwks } from "../../src/auth/jwks.ts";
import { TokenVerifier } from "../../src/auth/token.ts";

const payload = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

const rs256 = {
  jwk: {
    kty: "RSA",
    n:
      "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZ" +
      "S-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2" +
      "R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcD" +
      "TW9gb54h4FRWyuXpoQ",
    e: "AQAB",
  },
  token:
    `eyJhbGciOiJSUzI1NiJ9.${payload}.` +
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7" +
    "t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi1" +
    "2jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypG" +
    "lUPQGe77Rw",
};

const es256 = {
  jwk: {
    kty: "EC",
    crv: "P-256",
    x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
  },
  token:
    `eyJhbGciOiJFUzI1NiJ9.${payload}.` +
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
};

const eddsa = {
  jwk: { kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" },
  token:
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc." +
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
};

for (const [name, { jwk, token }] of Object.entries({ rs256, es256, eddsa })) {
  test(`the example of ${name} verifies, and an altered one does not`, async () => {
    const [read] = parseJwks(JSON.stringify({ keys: [jwk] }), "keys.json").keys;
    if (read === undefined) throw new Error("the key was not read");
    const { key, algorithms } = read.key;
    expect((await compactVerify(token, key, { algorithms: [...algorithms] })).protectedHeader.alg).toBe(
      algorithms[0] ?? "",
    );
    const [head = "", body = "", signature = ""] = token.split(".");
    const first = signature.startsWith("A") ? "B" : "A";
    const altered = `${head}.${body}.${first}${signature.slice(1)}`;
    expect(compactVerify(altered, key, { algorithms: [...algorithms] })).rejects.toThrow("verification failed");
  });
}

test("the example of HS256 verifies: it is refused for its claims, and an altered one for its signature", async () => {
  const key = Buffer.from(
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
    "base64url",
  );
  const token = `eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.${payload}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk`;
  const verifier = new TokenVerifier([key], () => 1_300_819_379_000);
  expect(await verifier.verify(token)).toMatchObject({ reason: expect.stringContaining("invalid acc") });
  const altered = token.replace(".dBjf", ".eBjf");
  expect(await verifier.verify(altered)).toMatchObject({ reason: "the token's signature is wrong" });
});
