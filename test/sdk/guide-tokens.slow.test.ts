// The programs of the guide that sign a token with the secret of a server: each is run where its language is installed,
// and the server has to take what it prints. Slow, because Go is compiled.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ServerProcess } from "../../scripts/harness/server-process.ts";
import { RoostClient } from "../../src/sdk/core.ts";
import { output } from "../support/installed-sdk.ts";
import { blocksOf } from "../support/sdk-guide.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder("roost-tokens-");
/** The first build of a Go program on a machine takes half a minute of processor time. */
const testMsMax = 300_000;

let server: ServerProcess;
beforeAll(async () => {
  server = await ServerProcess.start(folder);
}, testMsMax);
afterAll(() => server.end("SIGTERM"));

/** What the guide says in words: where the file is read, and the names that it gives. */
const inGo = (program: string): string => `package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"time"
)

func main() {
	file, err := os.ReadFile("data/secret")
	if err != nil {
		panic(err)
	}
	part, now := base64.RawURLEncoding.EncodeToString, time.Now().Unix()
${program}
}
`;

interface Language {
  readonly name: string;
  /** As the guide marks its programs. */
  readonly mark: string;
  readonly program: string;
  readonly file: string;
  readonly words?: readonly string[];
  readonly whole?: (program: string) => string;
}

const languages: readonly Language[] = [
  { name: "Node", mark: "js", program: "node", file: "token.mjs" },
  { name: "Python", mark: "python", program: "python3", file: "token.py" },
  { name: "Go", mark: "go", program: "go", file: "token.go", words: ["run"], whole: inGo },
  { name: "PHP", mark: "php", program: "php", file: "token.php", whole: (program) => `<?php\n${program}` },
];

for (const { name, mark, program, file, words = [], whole = (text: string) => text } of languages) {
  const isMissing = Bun.which(program) === null;
  test.skipIf(isMissing)(
    `the server takes the token that the program in ${name} signs${isMissing ? " (skipped: not installed)" : ""}`,
    async () => {
      const [text = ""] = blocksOf(mark);
      const lines = text.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("import "));
      expect(lines.length).toBeLessThanOrEqual(6);
      writeFileSync(join(folder, file), whole(text));
      const token = output([program, ...words, file], folder).trim();
      const client = await RoostClient.connect({ url: server.ws, token });
      expect(client.account).toBe("alice");
      await client.close();
    },
    testMsMax,
  );
}
