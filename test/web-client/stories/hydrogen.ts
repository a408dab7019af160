import { succeed } from '../../support/server.ts';
import { logIn } from '../hydrogen/account.ts';
import { react, reaction, remove, reply, say, see, seePicture, upload } from '../hydrogen/messages.ts';
import { acceptInvitation, createRoom, invite, openFromList, seeRoom } from '../hydrogen/rooms.ts';
import type { Step } from '../steps.ts';
import type { Scene } from './scene.ts';

const OPEN = { name: 'Lighthouse', topic: 'What the sea brings', isEncrypted: false };
const SECRET = { name: 'Logbook', topic: 'For two pairs of eyes', isEncrypted: true };
const PICTURE = 'sunset.png';
const ENCRYPTED_SEND = /\/send\/m\.room\.encrypted\//;

/** Two people log in, meet in a room and talk, openly and in secret. */
export function hydrogenStory(scene: Scene): readonly Step[] {
  return [...arrive(scene), ...talk(scene), ...changeMinds(scene), ...talkInSecret(scene)];
}

function arrive({ clientUrl, homeserverUrl, alice, bob }: Scene): readonly Step[] {
  return [
    {
      name: 'Alice and Bob have accounts',
      run: async () => {
        for (const { username, password } of [alice, bob]) {
          const body = { username, password, auth: { type: 'm.login.dummy' }, inhibit_login: true };
          await succeed({ baseUrl: homeserverUrl }, 'POST', '/_matrix/client/v3/register', { body });
        }
      },
    },
    { name: 'Alice logs in', run: () => logIn(alice.page, clientUrl, alice) },
    { name: 'Bob logs in', run: () => logIn(bob.page, clientUrl, bob) },
  ];
}

function talk({ serverName, alice, bob, picture }: Scene): readonly Step[] {
  return [
    { name: 'Alice makes a room and is in it', run: () => createRoom(alice.page, OPEN) },
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
      name: 'Alice invites Bob, and the invitation appears in his list',
      run: async () => {
        await invite(alice.page, `@${bob.username}:${serverName}`);
        await bob.page.locator('.RoomList').getByText(OPEN.name, { exact: true }).waitFor();
      },
    },
    {
      name: 'Bob accepts and sees what was written and drawn before',
      run: async () => {
        await acceptInvitation(bob.page, OPEN.name);
        await see(bob.page, 'The lamp is lit');
        await seePicture(bob.page, PICTURE, picture.widthPx);
      },
    },
    {
      name: 'Bob answers, and Alice sees it',
      run: async () => {
        await reply(bob.page, 'The lamp is lit', 'I see it from the harbour');
        await see(alice.page, 'I see it from the harbour');
      },
    },
  ];
}

function changeMinds({ alice, bob }: Scene): readonly Step[] {
  return [
    {
      name: 'Bob reacts, and Alice sees the mark',
      run: async () => {
        await react(bob.page, 'The lamp is lit', '👍');
        await reaction(alice.page, 'The lamp is lit', '👍').waitFor();
      },
    },
    {
      name: 'Bob deletes his answer, and Alice sees that he did',
      run: async () => {
        await remove(bob.page, 'I see it from the harbour');
        await alice.page.getByText('This message has been deleted').waitFor();
      },
    },
  ];
}

function talkInSecret({ serverName, alice, bob, picture }: Scene): readonly Step[] {
  return [
    {
      name: 'Alice makes an encrypted room and Bob joins',
      run: async () => {
        await createRoom(alice.page, SECRET);
        await invite(alice.page, `@${bob.username}:${serverName}`);
        await acceptInvitation(bob.page, SECRET.name);
      },
    },
    {
      name: 'Alice writes in secret, and Bob reads it',
      run: async () => {
        const sent = alice.page.waitForRequest(ENCRYPTED_SEND);
        await say(alice.page, 'The reef is north');
        await sent;
        await see(bob.page, 'The reef is north');
      },
    },
    {
      name: 'Bob sends a secret picture, and Alice sees it',
      run: async () => {
        await upload(bob.page, { name: PICTURE, mimeType: 'image/png', buffer: picture.bytes });
        await seePicture(alice.page, PICTURE, picture.widthPx);
      },
    },
    {
      name: 'Alice goes back to the open room, reloads the page and finds all as it was',
      run: async () => {
        await openFromList(alice.page, OPEN.name);
        await seeRoom(alice.page, OPEN.name);
        // Where everything fits in, this version of Hydrogen fetches no pictures: a low window has to scroll.
        await alice.page.setViewportSize({ width: 1280, height: 400 });
        await alice.page.reload();
        await seeRoom(alice.page, OPEN.name);
        await see(alice.page, 'The lamp is lit');
        await reaction(alice.page, 'The lamp is lit', '👍').waitFor();
        await seePicture(alice.page, PICTURE, picture.widthPx);
      },
    },
  ];
}
