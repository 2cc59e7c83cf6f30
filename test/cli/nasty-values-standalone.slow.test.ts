// Options of a standalone server, at values that nobody means.

import { describe, expect, test } from "bun:test";
import { OptionValues } from "../../src/cli/option-values.ts";
import { optionsOf } from "../../src/cli/command-options.ts";
import { long, nastyValues } from "./nasty-values.ts";

describe("an option at values that nobody means starts or is refused with a sentence:", () => {
  nastyValues(["standalone"]);
});

test("each option of each command refuses a value of 50 MB, and shows little of it", () => {
  for (const [command, names] of Object.entries(optionsOf)) {
    for (const name of names.filter((option) => option !== "config")) {
      const values = new OptionValues(names, [`--${name}=${long}`], {});
      let told = "";
      try {
        values.optional(name);
      } catch (error) {
        told = String(error);
      }
      expect([command, name, told]).toEqual([command, name, expect.stringContaining(`--${name}: invalid value`)]);
      expect(told.length).toBeLessThan(400);
    }
  }
});
