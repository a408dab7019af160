import type { Locator, Page } from 'playwright-core';

/** Makes a room that anyone may join at `#alias:server`; resolves when it is open. */
export async function createPublicRoom(
  page: Page,
  room: { readonly name: string; readonly alias: string; readonly topic: string },
): Promise<void> {
  await page.getByRole('button', { name: 'Create Room' }).click();
  const form = page.locator('.create-room__form');
  await form.getByRole('button', { name: 'Private' }).click();
  // Cinny keeps this menu out of the accessible tree while the dialog is open.
  await page.locator('button', { hasText: 'Public (anyone can join)' }).click();
  await form.getByPlaceholder('my_address').fill(room.alias);
  await submitRoomForm(page, form, room);
}

/** Makes a room for invited people; it is encrypted, which is what the form proposes. */
export async function createEncryptedRoom(
  page: Page,
  room: { readonly name: string; readonly topic: string },
): Promise<void> {
  await page.getByRole('button', { name: 'Create Room' }).click();
  await submitRoomForm(page, page.locator('.create-room__form'), room);
}

async function submitRoomForm(
  page: Page,
  form: Locator,
  room: { readonly name: string; readonly topic: string },
): Promise<void> {
  await form.locator('[name=topic]').fill(room.topic);
  await form.locator('[name=name]').fill(room.name);
  await form.getByRole('button', { name: 'Create', exact: true }).click();
  await header(page, room.name).waitFor();
}

/** The line above a room's timeline. */
export function header(page: Page, roomName: string): Locator {
  return page.locator('header').filter({ hasText: roomName });
}

async function openRoomMenu(page: Page, roomName: string): Promise<void> {
  await header(page, roomName).getByRole('button').last().click();
}

/** Invites by user id from the room's menu, then closes the window. */
export async function invite(page: Page, roomName: string, userId: string): Promise<void> {
  await openRoomMenu(page, roomName);
  await page.getByRole('button', { name: 'Invite', exact: true }).click();
  const form = page.locator('.invite-user');
  await form.locator('input').fill(userId);
  await form.getByRole('button', { name: 'Search' }).click();
  await form.getByRole('button', { name: 'Invite', exact: true }).click();
  await form.getByText('Invited', { exact: true }).waitFor();
  // The cross in the window's corner.
  await page.locator('.pw-modal button').first().click();
  await form.waitFor({ state: 'hidden' });
}

export async function openInvitations(page: Page, clientUrl: string): Promise<void> {
  await page.goto(`${clientUrl}/inbox/invites/`);
  await page.locator('header').filter({ hasText: 'Invitations' }).waitFor();
}

/** Accepts the one invitation that is shown; resolves when the room is open. */
export async function acceptInvitation(page: Page, roomName: string): Promise<void> {
  await page.getByText(roomName).first().waitFor();
  await page.getByRole('button', { name: 'Accept' }).click();
  await header(page, roomName).waitFor();
}

/** Opens a room by its name in the list at the left. */
export async function openRoom(page: Page, clientUrl: string, roomName: string): Promise<void> {
  await page.goto(`${clientUrl}/home/`);
  await page.getByRole('link', { name: roomName }).click();
  await header(page, roomName).waitFor();
}

/** What the homeserver's directory of public rooms shows. */
export async function explore(page: Page, clientUrl: string, serverName: string): Promise<Locator> {
  await page.goto(`${clientUrl}/explore/${serverName}/`);
  return page.locator('main, body');
}

/** Looks for a word in the messages of all rooms; resolves when a line that holds `found` is shown. */
export async function search(page: Page, word: string, found: string): Promise<void> {
  await page.getByText('Message Search').first().click();
  await page.getByPlaceholder('Search for keyword').fill(word);
  await page.keyboard.press('Enter');
  await page.getByText(found).first().waitFor();
}
