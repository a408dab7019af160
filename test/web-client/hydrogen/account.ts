import type { Page } from 'playwright-core';

/*
 * Where things are in Hydrogen, by what a person sees: labels, titles, texts.
 */

/** What Hydrogen reads from `/config.json`: the homeserver that its form proposes. */
export function hydrogenConfig(homeserverUrl: string): unknown {
  return { defaultHomeServer: homeserverUrl, themeManifests: [], defaultTheme: {} };
}

/** Logs in with a password; resolves when the list of rooms is shown. Hydrogen itself makes no accounts. */
export async function logIn(
  page: Page,
  clientUrl: string,
  user: { readonly username: string; readonly password: string },
): Promise<void> {
  await page.goto(clientUrl);
  await page.getByLabel('Username').fill(user.username);
  await page.getByLabel('Password').fill(user.password);
  await page.getByRole('button', { name: 'Log In' }).click();
  await page.locator('.LeftPanel').waitFor();
}
