import { logIn, logOut, rename } from '../cinny/account.ts';
import { explore, openRoom, search } from '../cinny/rooms.ts';
import { see } from '../cinny/messages.ts';
import type { Step } from '../steps.ts';
import { ROOM } from './room.ts';
import type { Scene } from './scene.ts';

/** The two of the first story find things, change names, go and come again. */
export function accountStory({ clientUrl, serverName, alice, bob }: Scene): readonly Step[] {
  return [
    {
      name: 'Alice takes another name, and Bob sees it on her message',
      run: async () => {
        await rename(alice.page, 'Keeper');
        await bob.page.locator('[data-message-id]').filter({ hasText: 'Keeper' }).first().waitFor();
      },
    },
    {
      name: 'Bob finds the room in the directory',
      run: async () => {
        const directory = await explore(bob.page, clientUrl, serverName);
        await directory.getByText(ROOM.topic).first().waitFor();
      },
    },
    {
      name: 'Bob logs out and in again, and the room is there',
      run: async () => {
        await logOut(bob.page);
        await logIn(bob.page, clientUrl, bob);
        await openRoom(bob.page, clientUrl, ROOM.name);
        await see(bob.page, 'The lamp burns bright');
      },
    },
  ];
}

/** Where what was said is found again. */
export function searchStory({ clientUrl, bob }: Scene): readonly Step[] {
  return [
    {
      name: 'Bob finds a message by a word of it',
      run: async () => {
        await openRoom(bob.page, clientUrl, ROOM.name);
        // Cinny shows what was found as it was before it was corrected.
        await search(bob.page, 'lamp', 'The lamp is lit');
      },
    },
  ];
}
