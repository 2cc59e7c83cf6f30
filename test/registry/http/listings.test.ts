import { expect, test } from "bun:test";
import { Listings } from "../../../src/registry/http/listings.ts";
import { testLimits } from "../../support/limits.ts";
import { eventually } from "./support.ts";

test("a listing with a costly beginning keeps its place for a while after its end; others do not", async () => {
  const limits = testLimits({ listings: 1 });
  const listings = new Listings(limits);
  const cheap = listings.begin("10.0.0.1");
  cheap?.began(0.01);
  cheap?.end();
  const costly = listings.begin("10.0.0.1");
  expect(costly).toBeDefined();
  costly?.began(5);
  costly?.end();
  expect(listings.begin("10.0.0.2")).toBeUndefined();
  await eventually("its place is free", () => limits.use("listings") === 0);
  expect(listings.begin("10.0.0.2")).toBeDefined();
});
