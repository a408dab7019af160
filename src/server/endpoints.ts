import { accountDataEndpoints } from '../client-api/account-data.ts';
import { accountEndpoints } from '../client-api/account.ts';
import { adminRegistrationEndpoints } from '../client-api/admin-registration.ts';
import { adminUsersEndpoints } from '../client-api/admin-users.ts';
import { appserviceEndpoints } from '../client-api/appservices.ts';
import { capabilitiesEndpoints } from '../client-api/capabilities.ts';
import { roomsEndpoints } from '../client-api/create-room.ts';
import { delayedEventsEndpoints } from '../client-api/delayed-events.ts';
import { crossSigningEndpoints } from '../client-api/cross-signing.ts';
import { dehydratedDeviceEndpoints } from '../client-api/dehydrated-device.ts';
import { deviceEndpoints } from '../client-api/devices.ts';
import { filterEndpoints } from '../client-api/filters.ts';
import { futuresEndpoints } from '../client-api/futures.ts';
import { keyBackupEndpoints } from '../client-api/key-backup.ts';
import { keysEndpoints } from '../client-api/keys.ts';
import { loginTokenEndpoints } from '../client-api/login-token.ts';
import { loginEndpoints } from '../client-api/login.ts';
import { logoutEndpoints } from '../client-api/logout.ts';
import { mediaDownloadsEndpoints } from '../client-api/media-downloads.ts';
import { mediaEndpoints } from '../client-api/media.ts';
import { mutualRoomsEndpoints } from '../client-api/mutual-rooms.ts';
import { notificationEndpoints } from '../client-api/notifications.ts';
import { openIdEndpoints } from '../client-api/openid.ts';
import { peekingEndpoints } from '../client-api/peeking.ts';
import { presenceEndpoints } from '../client-api/presence.ts';
import { profilesEndpoints } from '../client-api/profiles.ts';
import { pushRuleEndpoints } from '../client-api/push-rules.ts';
import { pusherEndpoints } from '../client-api/pushers.ts';
import { readinessEndpoints } from '../client-api/readiness.ts';
import { receiptsEndpoints } from '../client-api/receipts.ts';
import { registrationEndpoints } from '../client-api/registration.ts';
import { registrationTokensEndpoints } from '../client-api/registration-tokens.ts';
import { relationsEndpoints } from '../client-api/relations.ts';
import { reportingEndpoints } from '../client-api/reporting.ts';
import { roomAliasesEndpoints } from '../client-api/room-aliases.ts';
import { roomDirectoryEndpoints } from '../client-api/room-directory.ts';
import { roomDiscoveryEndpoints } from '../client-api/room-discovery.ts';
import { roomMembersEndpoints } from '../client-api/room-members.ts';
import { roomMembershipEndpoints } from '../client-api/room-membership.ts';
import { roomMessagesEndpoints } from '../client-api/room-messages.ts';
import { roomSendEndpoints } from '../client-api/room-send.ts';
import { roomStateEndpoints } from '../client-api/room-state.ts';
import { roomUpgradeEndpoints } from '../client-api/room-upgrade.ts';
import { rtcTransportsEndpoints } from '../client-api/rtc-transports.ts';
import { searchEndpoints } from '../client-api/search.ts';
import { serverNoticesEndpoints } from '../client-api/server-notices.ts';
import { syncEndpoints } from '../client-api/sync.ts';
import { tagsEndpoints } from '../client-api/tags.ts';
import { threadSubscriptionsEndpoints } from '../client-api/thread-subscriptions.ts';
import { toDeviceEndpoints } from '../client-api/to-device.ts';
import { typingEndpoints } from '../client-api/typing.ts';
import { urlPreviewsEndpoints } from '../client-api/url-previews.ts';
import { userDirectoryEndpoints } from '../client-api/user-directory.ts';
import { versionsEndpoints } from '../client-api/versions.ts';
import { voipEndpoints } from '../client-api/voip.ts';
import { wellKnownEndpoints } from '../client-api/well-known.ts';
import type { Endpoint } from '../http/endpoint.ts';
import type { Services } from './services.ts';

/** Everything that the server answers, in no order that matters. */
export const allEndpoints: readonly Endpoint<Services>[] = [
  ...accountDataEndpoints,
  ...accountEndpoints,
  ...adminRegistrationEndpoints,
  ...adminUsersEndpoints,
  ...appserviceEndpoints,
  ...capabilitiesEndpoints,
  ...delayedEventsEndpoints,
  ...crossSigningEndpoints,
  ...dehydratedDeviceEndpoints,
  ...deviceEndpoints,
  ...filterEndpoints,
  ...futuresEndpoints,
  ...keyBackupEndpoints,
  ...keysEndpoints,
  ...loginEndpoints,
  ...loginTokenEndpoints,
  ...logoutEndpoints,
  ...mediaDownloadsEndpoints,
  ...mediaEndpoints,
  ...mutualRoomsEndpoints,
  ...notificationEndpoints,
  ...openIdEndpoints,
  ...peekingEndpoints,
  ...presenceEndpoints,
  ...profilesEndpoints,
  ...pushRuleEndpoints,
  ...pusherEndpoints,
  ...readinessEndpoints,
  ...receiptsEndpoints,
  ...registrationEndpoints,
  ...registrationTokensEndpoints,
  ...relationsEndpoints,
  ...reportingEndpoints,
  ...roomAliasesEndpoints,
  ...roomDirectoryEndpoints,
  ...roomDiscoveryEndpoints,
  ...roomMembersEndpoints,
  ...roomMembershipEndpoints,
  ...roomMessagesEndpoints,
  ...roomSendEndpoints,
  ...roomStateEndpoints,
  ...roomUpgradeEndpoints,
  ...roomsEndpoints,
  ...rtcTransportsEndpoints,
  ...searchEndpoints,
  ...serverNoticesEndpoints,
  ...syncEndpoints,
  ...tagsEndpoints,
  ...threadSubscriptionsEndpoints,
  ...toDeviceEndpoints,
  ...typingEndpoints,
  ...urlPreviewsEndpoints,
  ...userDirectoryEndpoints,
  ...versionsEndpoints,
  ...voipEndpoints,
  ...wellKnownEndpoints,
];
