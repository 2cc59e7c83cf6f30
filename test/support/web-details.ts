// What people do in the menus, dialogs and details of the web chat.

import type { Locator, Page } from "playwright-core";

export const button = (page: Page, name: string): Locator => page.getByRole("button", { name, exact: true });
export const details = (page: Page): Locator => page.getByRole("complementary", { name: "Details" });

/** Chooses something in the menu above the list. */
export async function fromMenu(page: Page, name: string): Promise<void> {
  await page.getByRole("navigation").getByRole("button", { name: "Menu" }).click();
  await page.getByRole("menuitem", { name }).click();
}

/** Shows the details of the open conversation. */
export async function openDetails(page: Page): Promise<void> {
  await page.getByRole("main").getByRole("button", { name: "Menu" }).click();
  await page.getByRole("menuitem", { name: "Details" }).click();
  await details(page).waitFor();
}

/** Chooses something in the menu of a member. */
export async function withMember(page: Page, account: string, action: string): Promise<void> {
  await button(page, `What to do with ${account}`).click();
  await page.getByRole("menuitem", { name: action, exact: true }).click();
}

/** Presses the button of a dialog, which closes. */
export async function confirm(page: Page, action: string): Promise<void> {
  await page.getByRole("dialog").getByRole("button", { name: action, exact: true }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
}
