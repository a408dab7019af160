import type { Page } from 'playwright-core';

/** Makes a room and resolves when it is open. Only people who are invited may join; it is encrypted if that is wished. */
export async function createRoom(
  page: Page,
  room: { readonly name: string; readonly topic: string; readonly isEncrypted: boolean },
): Promise<void> {
  await page.getByRole('button', { name: 'Create room' }).click();
  await page.getByRole('button', { name: 'Create Room', exact: true }).last().click();
  await page.getByLabel('Room name').fill(room.name);
  await page.getByLabel('Topic').fill(room.topic);
  await page.getByLabel('Enable end-to-end encryption').setChecked(room.isEncrypted);
  await page.locator('form').getByRole('button', { name: 'Create room' }).click();
  // This version of Hydrogen does not open what it has made.
  await openFromList(page, room.name);
  await seeRoom(page, room.name);
}

/** Resolves when a room of that name is open and can be written in. */
export async function seeRoom(page: Page, name: string): Promise<void> {
  await page.locator('.RoomHeader').getByRole('heading', { name }).waitFor();
  await page.getByPlaceholder(/^Send a/).waitFor();
}

/** Opens a room, or an invitation to one, from the list at the left. */
export async function openFromList(page: Page, name: string): Promise<void> {
  await page.locator('.RoomList').getByText(name, { exact: true }).click();
}

/** Invites by user id from the list of the room's people; resolves when the list is closed because it worked. */
export async function invite(page: Page, userId: string): Promise<void> {
  await page.getByRole('button', { name: 'Room options' }).click();
  await page.getByRole('button', { name: 'Room details' }).click();
  await page.getByRole('button', { name: 'People' }).click();
  await page.getByRole('button', { name: 'Invite to this room' }).click();
  await page.getByPlaceholder('Enter user-id of user').fill(userId);
  await page.getByRole('button', { name: 'Invite', exact: true }).click();
  await page.locator('.RightPanelView').waitFor({ state: 'hidden' });
}

/** Accepts the invitation to a room of that name, which stands in the list; resolves when the room is open. */
export async function acceptInvitation(page: Page, name: string): Promise<void> {
  await openFromList(page, name);
  await page.getByRole('button', { name: 'Accept' }).click();
  await seeRoom(page, name);
}
