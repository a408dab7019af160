import type { Locator, Page } from 'playwright-core';
import { closeSettings, openSettings } from './account.ts';

async function openSecurity(page: Page): Promise<Locator> {
  const settings = await openSettings(page);
  await settings.getByRole('button', { name: 'Security' }).click();
  await settings.locator('.device-manage').waitFor();
  return settings;
}

/**
 * Makes the keys by which a person's sessions trust each other, and a backup of the keys to messages. Resolves to the
 * security key that is shown.
 */
export async function setUpCrossSigning(page: Page): Promise<string> {
  const settings = await openSecurity(page);
  await settings.getByRole('button', { name: 'Setup' }).click();
  await page.getByRole('button', { name: 'Generate Key', exact: true }).click();
  const key = await page.locator('.cross-signing__key-text').textContent();
  await page.locator('.dialog-modal .ic-btn').first().click();
  await closeSettings(page);
  return key ?? '';
}

/** Two sessions of one person compare pictures and agree; resolves to the words for them on both sides. */
export async function verifyByEmoji(trusted: Page, fresh: Page): Promise<readonly [string[], string[]]> {
  const settings = await openSecurity(trusted);
  await settings.locator('.device-manage').getByRole('button', { name: 'Verify', exact: true }).click();
  await fresh.getByRole('button', { name: 'Accept', exact: true }).click();
  const words = [await readEmoji(trusted), await readEmoji(fresh)] as const;
  for (const page of [trusted, fresh]) await page.getByRole('button', { name: 'They match' }).click();
  await settings.getByText('No unverified sessions').scrollIntoViewIfNeeded();
  return words;
}

async function readEmoji(page: Page): Promise<string[]> {
  const blocks = page.locator('.emoji-verification__emoji-block');
  await blocks.first().waitFor();
  return blocks.allTextContents();
}
