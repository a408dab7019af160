import type { Locator, Page } from 'playwright-core';

/*
 * Where things are in Cinny, by what a person sees: labels, texts, pictures. Its buttons with a picture only have no name,
 * so those are found by their place.
 */

/** What Cinny reads from `/config.json`: it offers this homeserver alone. */
export function cinnyConfig(homeserverUrl: string): unknown {
  return {
    defaultHomeserver: 0,
    homeserverList: [homeserverUrl],
    allowCustomHomeservers: false,
    featuredCommunities: { openAsDefault: false, spaces: [], rooms: [], servers: [] },
    hashRouter: { enabled: false, basename: '/' },
  };
}

interface Login {
  readonly username: string;
  readonly password: string;
}

/** Fills in the form for a new account; resolves when the empty list of rooms is shown. */
export async function register(page: Page, clientUrl: string, user: Login): Promise<void> {
  await page.goto(`${clientUrl}/register/`);
  await page.locator('input[name=usernameInput]').fill(user.username);
  await page.locator('input[name=passwordInput]').fill(user.password);
  await page.locator('input[name=confirmPasswordInput]').fill(user.password);
  await page.getByRole('button', { name: 'Register', exact: true }).click();
  await page.getByText('You do not have any rooms yet.').waitFor();
}

/** Logs in with a password; resolves when Cinny is there, at the place that was left. */
export async function logIn(page: Page, clientUrl: string, user: Login): Promise<void> {
  await page.goto(`${clientUrl}/login/`);
  await page.locator('input[name=usernameInput]').fill(user.username);
  await page.locator('input[name=passwordInput]').fill(user.password);
  await page.getByRole('button', { name: 'Login', exact: true }).click();
  await ownPicture(page).waitFor();
}

/** Ends this session; resolves when the form to log in is shown. */
export async function logOut(page: Page): Promise<void> {
  const settings = await openSettings(page);
  await settings.getByRole('button', { name: 'Logout' }).click();
  await page.locator('.confirm-dialog').getByRole('button', { name: 'Logout' }).click();
  await page.locator('input[name=passwordInput]').waitFor();
}

/** The letter in the lower left corner, which opens the settings. */
function ownPicture(page: Page): Locator {
  return page
    .getByRole('button')
    .filter({ hasText: /^[a-z]$/i })
    .first();
}

export async function openSettings(page: Page): Promise<Locator> {
  await ownPicture(page).click();
  const settings = page.locator('.settings-window');
  await settings.waitFor();
  return settings;
}

export async function closeSettings(page: Page): Promise<void> {
  // The cross in the corner follows the button that logs out.
  await page.locator('.settings-window button').nth(1).click();
  await page.locator('.settings-window').waitFor({ state: 'hidden' });
}

/** Takes another display name. */
export async function rename(page: Page, displayName: string): Promise<void> {
  const settings = await openSettings(page);
  await settings.locator('.profile-editor__info button').click();
  const form = settings.locator('.profile-editor__form');
  await form.locator('input').fill(displayName);
  await form.getByRole('button', { name: 'Save' }).click();
  await closeSettings(page);
}
