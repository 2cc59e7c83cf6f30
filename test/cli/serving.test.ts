// What starting a role says when the platform refuses something: a sentence with what an operator can do.

import { expect, test } from "bun:test";
import { begin } from "../../src/cli/serve/serving.ts";
import { StartError } from "../../src/cli/usage-error.ts";
import { reachableHost } from "../../src/transport/address.ts";

test("where the system does not tell its addresses, the operator has to say where others reach it", async () => {
  const unknown = (): never => {
    throw new Error("uv_interface_addresses returned Unknown system error 97");
  };
  const start = begin(
    async () => reachableHost("0.0.0.0", unknown),
    [{ option: "--listen", address: { host: "0.0.0.0", port: 0 } }],
  );
  await expect(start).rejects.toThrow(StartError);
  await expect(start).rejects.toThrow(/cannot learn this machine's addresses: uv_.*; say with --advertise/);
});
