import type { Locator, Page } from 'playwright-core';

interface Picture {
  readonly name: string;
  readonly mimeType: string;
  readonly buffer: Buffer;
}

/** The oldest message that shows `text` and that the server has: answers to it show it as well, and follow it. */
function message(page: Page, text: string): Locator {
  return page.locator('.Timeline_message:not(.unsent)').filter({ hasText: text }).first();
}

/** Resolves when a message shows `text` and the server has it. */
export async function see(page: Page, text: string): Promise<void> {
  await message(page, text).waitFor();
}

/** Sends a message and resolves when the sender's own timeline has it from the server. */
export async function say(page: Page, text: string): Promise<void> {
  await page.getByPlaceholder(/^Send a/).fill(text);
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  await see(page, text);
}

/** Sends a picture by the menu beside the composer. */
export async function upload(page: Page, picture: Picture): Promise<void> {
  const chooser = page.waitForEvent('filechooser');
  await page.getByRole('button', { name: 'Send file' }).click();
  await page.getByRole('button', { name: 'Send picture' }).click();
  await (await chooser).setFiles(picture);
}

/** Resolves when a picture that the server has is drawn in its own width in pixels. */
export async function seePicture(page: Page, name: string, widthPx: number): Promise<void> {
  await page.locator(`.Timeline_message:not(.unsent) img[alt="${name}"]`).scrollIntoViewIfNeeded();
  await page.waitForFunction(
    `[...document.images].some((i) => i.alt === ${JSON.stringify(name)} && i.complete && i.naturalWidth === ${widthPx})`,
  );
}

/** Opens a message's menu and chooses in it. */
async function chooseFor(page: Page, text: string, choice: string): Promise<void> {
  await message(page, text).hover();
  await message(page, text).locator('.Timeline_messageOptions').click();
  await page.locator('.menu').getByRole('button', { name: choice, exact: true }).click();
}

/** Reacts with one of the pictures that the menu proposes. */
export async function react(page: Page, text: string, emoji: string): Promise<void> {
  await chooseFor(page, text, emoji);
}

/** The mark below a message that counts a reaction. */
export function reaction(page: Page, text: string, emoji: string): Locator {
  return message(page, text).locator('.Timeline_messageReactions').getByText(emoji);
}

/** Answers a message so that the answer shows it. */
export async function reply(page: Page, text: string, answer: string): Promise<void> {
  await chooseFor(page, text, 'Reply');
  await say(page, answer);
}

/** Removes one's own message. */
export async function remove(page: Page, text: string): Promise<void> {
  await chooseFor(page, text, 'Delete');
}
