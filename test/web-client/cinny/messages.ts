import type { Locator, Page } from 'playwright-core';

/** The newest message that shows `text`. */
export function message(page: Page, text: string): Locator {
  return page.locator('[data-message-id]').filter({ hasText: text }).last();
}

/** Resolves when a message shows `text` and is in sight. Cinny draws only what is near the place that it is scrolled to. */
export async function see(page: Page, text: string): Promise<void> {
  const wanted = message(page, text);
  const jump = page.getByRole('button', { name: 'Jump to Latest' });
  await wanted.or(jump).first().waitFor();
  if (!(await wanted.isVisible())) await jump.click();
  await wanted.scrollIntoViewIfNeeded();
}

function composer(page: Page): Locator {
  return page.locator('[data-editable-name=RoomInput]');
}

/** Types into the composer without sending. */
export async function type(page: Page, text: string): Promise<void> {
  await composer(page).click();
  await composer(page).pressSequentially(text);
}

/** Sends a message and resolves when the sender's own timeline shows it. */
export async function say(page: Page, text: string): Promise<void> {
  await type(page, text);
  await page.keyboard.press('Enter');
  await see(page, text);
}

/** Sends a file by the button beside the composer. */
export async function upload(
  page: Page,
  file: { readonly name: string; readonly mimeType: string; readonly buffer: Buffer },
): Promise<void> {
  const chooser = page.waitForEvent('filechooser');
  await composer(page).locator('xpath=ancestor::*[.//button][1]//button').first().click();
  await (await chooser).setFiles(file);
  await page.getByRole('button', { name: 'Send', exact: true }).click();
}

/** Resolves when a picture of that name is drawn in its own width in pixels. */
export async function seePicture(page: Page, name: string, widthPx: number): Promise<void> {
  await page.locator(`[data-message-id] img[alt="${name}"]`).scrollIntoViewIfNeeded();
  await page.waitForFunction(
    `[...document.images].some((i) => i.alt === ${JSON.stringify(name)} && i.complete && i.naturalWidth === ${widthPx})`,
  );
}

/** Opens a message's menu and chooses in it. */
async function chooseFor(page: Page, text: string, choice: string): Promise<void> {
  const target = message(page, text);
  await target.hover();
  await target.locator('button[aria-pressed]:not([data-reaction-key])').last().click();
  await page.getByRole('button', { name: choice, exact: true }).click();
}

/** Reacts with a text, which is also how a picture would be sent. */
export async function react(page: Page, text: string, emoji: string): Promise<void> {
  await chooseFor(page, text, 'Add Reaction');
  await page.locator('[data-emoji-board-search]').fill(emoji);
  await page.getByRole('button', { name: 'React', exact: true }).click();
}

/** The mark below a message that counts a reaction. */
export function reaction(page: Page, text: string, emoji: string): Locator {
  return message(page, text).locator(`[data-reaction-key="${emoji}"]`);
}

/** Replaces the text of one's own message. */
export async function edit(page: Page, text: string, newText: string): Promise<void> {
  await chooseFor(page, text, 'Edit Message');
  await page.keyboard.press('Control+A');
  await page.keyboard.insertText(newText);
  await page.getByRole('button', { name: 'Save', exact: true }).click();
}

/** Removes a message, whoever wrote it. */
export async function remove(page: Page, text: string): Promise<void> {
  await chooseFor(page, text, 'Delete');
  await page.locator('form').getByRole('button', { name: 'Delete', exact: true }).click();
}
