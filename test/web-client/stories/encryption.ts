import assert from 'node:assert/strict';
import { closeSettings, logIn } from '../cinny/account.ts';
import { say, see, seePicture, upload } from '../cinny/messages.ts';
import {
  acceptInvitation,
  createEncryptedRoom,
  header,
  invite,
  openInvitations,
  openRoom,
} from '../cinny/rooms.ts';
import { restoreBackup, setUpCrossSigning, verifyByEmoji } from '../cinny/security.ts';
import type { Step } from '../steps.ts';
import type { Scene } from './scene.ts';

const ROOM = { name: 'Logbook', topic: 'For two pairs of eyes' };
const PICTURE = 'chart.png';
const ENCRYPTED_SEND = /\/send\/m\.room\.encrypted\//;

/** The two talk so that the server cannot read it, and Alice comes with a second browser. */
export function encryptionStory({
  clientUrl,
  serverName,
  alice,
  bob,
  phone,
  picture,
}: Scene): readonly Step[] {
  let securityKey = '';
  return [
    {
      name: 'Alice makes an encrypted room and Bob joins',
      run: async () => {
        await openInvitations(bob.page, clientUrl);
        await createEncryptedRoom(alice.page, ROOM);
        await invite(alice.page, ROOM.name, `@${bob.username}:${serverName}`);
        await acceptInvitation(bob.page, ROOM.name);
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
      name: 'Alice sends a secret picture, and Bob sees it',
      run: async () => {
        await upload(alice.page, { name: PICTURE, mimeType: 'image/png', buffer: picture.bytes });
        await seePicture(bob.page, PICTURE, picture.widthPx);
      },
    },
    {
      name: 'Bob answers in secret, and Alice reads it',
      run: async () => {
        const sent = bob.page.waitForRequest(ENCRYPTED_SEND);
        await say(bob.page, 'Then we steer south');
        await sent;
        await see(alice.page, 'Then we steer south');
      },
    },
    {
      name: 'Alice sets up keys for her sessions and a backup',
      run: async () => {
        securityKey = await setUpCrossSigning(alice.page);
        assert.match(securityKey, /^E/);
      },
    },
    {
      name: 'Alice logs in from a second browser and sees that there are messages',
      run: async () => {
        await logIn(phone.page, clientUrl, alice);
        await openRoom(phone.page, clientUrl, ROOM.name);
        await phone.page.locator('[data-message-id]').filter({ hasText: 'bob' }).first().waitFor();
      },
    },
    {
      name: 'Her browsers compare pictures and trust each other',
      run: async () => {
        const [here, there] = await verifyByEmoji(alice.page, phone.page);
        assert.equal(here.length, 7);
        assert.deepEqual(there, here);
        await closeSettings(alice.page);
      },
    },
    {
      name: 'The second browser takes the keys from the backup and reads what was written before',
      run: async () => {
        await restoreBackup(phone.page, securityKey);
        // Cinny tries again what it could not decrypt when it starts.
        await phone.page.reload();
        await see(phone.page, 'The reef is north');
        await see(phone.page, 'Then we steer south');
        await seePicture(phone.page, PICTURE, picture.widthPx);
      },
    },
    {
      name: 'Alice writes from there, and Bob and her first browser read it',
      run: async () => {
        await header(phone.page, ROOM.name).waitFor();
        await say(phone.page, 'South it is');
        await see(bob.page, 'South it is');
        await see(alice.page, 'South it is');
      },
    },
  ];
}
