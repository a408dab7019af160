import { register } from '../cinny/account.ts';
import {
  edit,
  message,
  react,
  reaction,
  remove,
  say,
  see,
  seePicture,
  type,
  upload,
} from '../cinny/messages.ts';
import { acceptInvitation, createPublicRoom, header, invite, openInvitations } from '../cinny/rooms.ts';
import type { Step } from '../steps.ts';
import type { Scene } from './scene.ts';

/** The room of this story, which others go on in. */
export const ROOM = { name: 'Lighthouse', alias: 'lighthouse', topic: 'What the sea brings' };
const PICTURE = 'sunset.png';

/** Two people register, meet in a room and talk. */
export function roomStory({ clientUrl, serverName, alice, bob, picture }: Scene): readonly Step[] {
  return [
    {
      name: 'Alice registers and has no rooms',
      run: () => register(alice.page, clientUrl, alice),
    },
    {
      name: 'Bob registers and has no rooms',
      run: () => register(bob.page, clientUrl, bob),
    },
    {
      name: 'Alice makes a public room and is in it',
      run: () => createPublicRoom(alice.page, ROOM),
    },
    {
      name: 'Alice writes and her message is shown',
      run: () => say(alice.page, 'The lamp is lit'),
    },
    {
      name: 'Alice uploads a picture and it is drawn',
      run: async () => {
        await upload(alice.page, { name: PICTURE, mimeType: 'image/png', buffer: picture.bytes });
        await seePicture(alice.page, PICTURE, picture.widthPx);
      },
    },
    {
      name: 'Alice invites Bob, and the invitation appears while he looks',
      run: async () => {
        await openInvitations(bob.page, clientUrl);
        await invite(alice.page, ROOM.name, `@${bob.username}:${serverName}`);
        await bob.page.getByText('Invited by').waitFor();
      },
    },
    {
      name: 'Bob accepts and sees what was written and drawn before',
      run: async () => {
        await acceptInvitation(bob.page, ROOM.name);
        await see(bob.page, 'The lamp is lit');
        await seePicture(bob.page, PICTURE, picture.widthPx);
      },
    },
    {
      name: 'Bob types, and Alice sees that he does',
      run: async () => {
        await type(bob.page, 'I see it ');
        await alice.page.getByText('is typing...').waitFor();
      },
    },
    {
      name: 'Bob answers, and Alice sees it',
      run: async () => {
        await say(bob.page, 'from the harbour');
        await see(alice.page, 'I see it from the harbour');
      },
    },
    {
      name: 'Bob sees that Alice has read it',
      run: () => bob.page.getByText(`${alice.username} is following the conversation.`).waitFor(),
    },
    {
      name: 'Bob reacts, and Alice sees the mark',
      run: async () => {
        await react(bob.page, 'The lamp is lit', '👍️');
        await reaction(alice.page, 'The lamp is lit', '👍️').waitFor();
      },
    },
    {
      name: 'Alice corrects her message, and Bob sees the new text',
      run: async () => {
        await edit(alice.page, 'The lamp is lit', 'The lamp burns bright');
        await message(bob.page, 'The lamp burns bright').getByText('(edited)').waitFor();
      },
    },
    {
      name: 'Bob deletes his answer, and Alice sees that he did',
      run: async () => {
        await remove(bob.page, 'I see it from the harbour');
        await see(alice.page, 'This message has been deleted');
        await message(alice.page, 'I see it from the harbour').waitFor({ state: 'detached' });
      },
    },
    {
      name: 'Alice reloads the page and finds the room as it was',
      run: async () => {
        await alice.page.reload();
        await header(alice.page, ROOM.name).waitFor();
        await see(alice.page, 'The lamp burns bright');
        await reaction(alice.page, 'The lamp burns bright', '👍️').waitFor();
        await seePicture(alice.page, PICTURE, picture.widthPx);
      },
    },
  ];
}
