import { accountEndpoints } from '../client-api/account.ts';
import { adminRegistrationEndpoints } from '../client-api/admin-registration.ts';
import { capabilitiesEndpoints } from '../client-api/capabilities.ts';
import { syncEndpoints } from '../client-api/sync.ts';
import { futuresEndpoints } from '../client-api/futures.ts';
import { delayedEventsEndpoints } from '../client-api/delayed-events.ts';
import { deviceEndpoints } from '../client-api/devices.ts';
import { filterEndpoints } from '../client-api/filters.ts';
import { loginEndpoints } from '../client-api/login.ts';
import { logoutEndpoints } from '../client-api/logout.ts';
import { openIdEndpoints } from '../client-api/openid.ts';
import { registrationEndpoints } from '../client-api/registration.ts';
import { roomsEndpoints } from '../client-api/create-room.ts';
import { roomAliasesEndpoints } from '../client-api/room-aliases.ts';
import { roomMembersEndpoints } from '../client-api/room-members.ts';
import { roomMembershipEndpoints } from '../client-api/room-membership.ts';
import { roomMessagesEndpoints } from '../client-api/room-messages.ts';
import { roomSendEndpoints } from '../client-api/room-send.ts';
import { roomStateEndpoints } from '../client-api/room-state.ts';
import { rtcTransportsEndpoints } from '../client-api/rtc-transports.ts';
import { toDeviceEndpoints } from '../client-api/to-device.ts';
import { versionsEndpoints } from '../client-api/versions.ts';
import { wellKnownEndpoints } from '../client-api/well-known.ts';
import type { Endpoint } from '../http/endpoint.ts';
import type { Services } from './services.ts';

/** Everything that the server answers, in no order that matters. */
export const allEndpoints: readonly Endpoint<Services>[] = [
  ...accountEndpoints,
  ...adminRegistrationEndpoints,
  ...capabilitiesEndpoints,
  ...syncEndpoints,
  ...futuresEndpoints,
  ...delayedEventsEndpoints,
  ...deviceEndpoints,
  ...filterEndpoints,
  ...loginEndpoints,
  ...logoutEndpoints,
  ...openIdEndpoints,
  ...registrationEndpoints,
  ...roomAliasesEndpoints,
  ...roomMembersEndpoints,
  ...roomMembershipEndpoints,
  ...roomMessagesEndpoints,
  ...roomSendEndpoints,
  ...roomStateEndpoints,
  ...roomsEndpoints,
  ...rtcTransportsEndpoints,
  ...toDeviceEndpoints,
  ...versionsEndpoints,
  ...wellKnownEndpoints,
];
