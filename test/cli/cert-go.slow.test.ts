// The certificates of roost cert, judged by Go's crypto/x509 and crypto/tls, which are stricter than openssl.

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { roost } from "./run-roost.ts";

const root = temporaryFolder("roost-cert-go-");

const program = `package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

func main() {
	pool := x509.NewCertPool()
	authority, err := os.ReadFile("ca.crt")
	if err != nil || !pool.AppendCertsFromPEM(authority) {
		panic("no authority")
	}
	pair, err := tls.LoadX509KeyPair("gw-1.crt", "gw-1.key")
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		panic(err)
	}
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		for _, name := range []string{"gw.example.com", "10.0.0.5", "fd00::5", "chat1.internal"} {
			_, err := leaf.Verify(x509.VerifyOptions{
				DNSName: name, Roots: pool, KeyUsages: []x509.ExtKeyUsage{usage},
			})
			fmt.Println(name, err == nil)
		}
	}
	fmt.Println(leaf.Subject, leaf.SerialNumber.BitLen(), leaf.UnhandledCriticalExtensions)
}
`;

test.skipIf(Bun.which("go") === null)(
  "Go loads the pair, and verifies both purposes and every name",
  async () => {
    const nodes = "gw-1=gw.example.com,gw-1=10.0.0.5,gw-1=fd00::5";
    expect((await roost("cert", "--dir", root, "--nodes", nodes)).status).toBe(0);
    writeFileSync(join(root, "main.go"), program);
    const child = Bun.spawn(["go", "run", "main.go"], { cwd: root, stdout: "pipe", stderr: "pipe" });
    const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    const verdicts = ["gw.example.com true", "10.0.0.5 true", "fd00::5 true", "chat1.internal false"];
    expect([err, out.trim().split("\n")]).toEqual(["", [...verdicts, ...verdicts, "CN=gw-1 127 []"]]);
  },
  120_000,
);
