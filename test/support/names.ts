import { parseRoomId, type RoomId, type ServerName } from '../../src/matrix/identifiers.ts';
import { randomLetters, type Random } from '../../src/util/random.ts';

/** A room id of the form that room versions before 12 use. */
export function chooseRoomId(random: Random, serverName: ServerName): RoomId {
  const roomId = parseRoomId(`!${randomLetters(random, 18)}:${serverName}`);
  if (roomId === undefined) throw new Error('that is no room id');
  return roomId;
}
