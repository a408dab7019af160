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
 * security key that is shown, once the keys so far are in the backup.
 */
export async function setUpCrossSigning(page: Page): Promise<string> {
  const backedUp = page.waitForResponse(
    (response) => response.url().includes('/room_keys/keys') && response.request().method() === 'PUT',
  );
  const settings = await openSecurity(page);
  await settings.getByRole('button', { name: 'Setup' }).click();
  await page.getByRole('button', { name: 'Generate Key', exact: true }).click();
  const key = await page.locator('.cross-signing__key-text').textContent();
  await page.locator('.dialog-modal .ic-btn').first().click();
  await closeSettings(page);
  await backedUp;
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

/** Gets the keys to old messages out of the backup; resolves when all of them are there. */
export async function restoreBackup(page: Page, securityKey: string): Promise<void> {
  const settings = await openSecurity(page);
  const tile = settings.locator('.setting-tile').filter({ hasText: 'Encrypted messages backup' });
  await tile.getByRole('button').first().click();
  const form = page.locator('.secret-storage-access');
  await form.locator('input').fill(securityKey);
  await form.getByRole('button', { name: 'Continue' }).click();
  await page.getByText(/Successfully restored backup keys \((\d+)\/\1\)/).waitFor();
  await page.locator('.dialog-modal .ic-btn').first().click();
  await closeSettings(page);
}

async function readEmoji(page: Page): Promise<string[]> {
  const blocks = page.locator('.emoji-verification__emoji-block');
  await blocks.first().waitFor();
  return blocks.allTextContents();
}
