import { isJsonArray } from '../../util/json.ts';
import type { MatrixEvent } from '../event.ts';
import { findServerName, parseUserId, serverNameOf } from '../identifiers.ts';
import { findRoomVersionRules, type RoomVersionRules } from '../room-version.ts';
import { ALLOWED, type AuthVerdict, refuse } from './verdict.ts';

/** Rule 1: the event that creates the room. https://spec.matrix.org/v1.19/rooms/v12/#authorisation-rules */
export function checkCreate(event: MatrixEvent, rules: RoomVersionRules): AuthVerdict {
  // 1.1 Nothing comes before it.
  if (event.prevEvents.length > 0) {
    return refuse(`m.room.create has ${event.prevEvents.length} previous events, and must have none`);
  }

  // 1.2 v1–v11: the room id is of the sender's server. Since v12: there is none, its own hash becomes the room id.
  if (rules.roomIdIsCreateHash) {
    if (event.pdu['room_id'] !== undefined)
      return refuse('m.room.create carries a room_id, which is its own hash');
  } else if (findServerName(event.roomId) !== serverNameOf(event.sender)) {
    return refuse(`room id ${event.roomId} is not of the sender's server ${serverNameOf(event.sender)}`);
  }

  // 1.3 The room version, where one is named, is one we know.
  const version = event.content['room_version'];
  if (version !== undefined && (typeof version !== 'string' || findRoomVersionRules(version) === undefined)) {
    return refuse(`room version ${JSON.stringify(version)} is not known`);
  }

  // v1–v10: there is a creator in content.
  if (rules.creatorInContent && event.content['creator'] === undefined) {
    return refuse('m.room.create has no creator in its content');
  }

  // 1.4 Since v12: additional creators are user ids.
  return rules.privilegedCreators ? checkAdditionalCreators(event) : ALLOWED;
}

function checkAdditionalCreators(event: MatrixEvent): AuthVerdict {
  const additional = event.content['additional_creators'];
  if (additional === undefined) return ALLOWED;
  if (!isJsonArray(additional)) return refuse('additional_creators is not a list');
  const wrong = additional.find((id) => parseUserId(id) === undefined);
  return wrong === undefined
    ? ALLOWED
    : refuse(`additional_creators has ${JSON.stringify(wrong)}, which is no user id`);
}
