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

/** Fills in the form for a new account; resolves when the empty list of rooms is shown. */
export async function register(
  page: Page,
  clientUrl: string,
  user: { readonly username: string; readonly password: string },
): Promise<void> {
  await page.goto(`${clientUrl}/register/`);
  await page.locator('input[name=usernameInput]').fill(user.username);
  await page.locator('input[name=passwordInput]').fill(user.password);
  await page.locator('input[name=confirmPasswordInput]').fill(user.password);
  await page.getByRole('button', { name: 'Register', exact: true }).click();
  await page.getByText('You do not have any rooms yet.').waitFor();
}

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

/** The newest message that shows `text`. */
export function message(page: Page, text: string): Locator {
  return page.locator('[data-message-id]').filter({ hasText: text }).last();
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
  await message(page, text).waitFor();
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
  await page.locator(`[data-message-id] img[alt="${name}"]`).waitFor();
  await page.waitForFunction(
    `[...document.images].some((i) => i.alt === ${JSON.stringify(name)} && i.complete && i.naturalWidth === ${widthPx})`,
  );
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
