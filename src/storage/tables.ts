import type { AccountDataTables } from './account-data.ts';
import type { AccountTables } from './accounts.ts';
import type { AppserviceStreamTables } from './appservice-streams.ts';
import type { ClientTransactionTables } from './client-transactions.ts';
import type { CrossSigningTables } from './cross-signing.ts';
import type { DehydratedDeviceTables } from './dehydrated-devices.ts';
import type { DeviceKeyTables } from './device-keys.ts';
import type { DeviceTables } from './devices.ts';
import type { DirectoryTables } from './directory.ts';
import type { EventTables } from './events.ts';
import type { FallbackKeyTables } from './fallback-keys.ts';
import type { FilterTables } from './filters.ts';
import type { FutureTables } from './futures.ts';
import type { KeyBackupTables } from './key-backups.ts';
import type { LoginTokenTables } from './login-tokens.ts';
import type { MediaTables } from './media.ts';
import type { MembershipTables } from './memberships.ts';
import type { NetworkRoomTables } from './network-rooms.ts';
import type { NotificationTables } from './notifications.ts';
import type { OneTimeKeyTables } from './one-time-keys.ts';
import type { OpenIdTokenTables } from './openid-tokens.ts';
import type { PresenceTables } from './presence.ts';
import type { ProfileTables } from './profiles.ts';
import type { PushProgressTables } from './push-progress.ts';
import type { PushRuleTables } from './push-rules.ts';
import type { PusherTables } from './pushers.ts';
import type { ReadMarkTables } from './read-marks.ts';
import type { ReceiptTables } from './receipts.ts';
import type { RegistrationNonceTables } from './registration-nonces.ts';
import type { RegistrationTokenTables } from './registration-tokens.ts';
import type { RelationTables } from './relation-writes.ts';
import type { ReportTables } from './reports.ts';
import type { RoomTables } from './rooms.ts';
import type { SearchTables } from './search.ts';
import type { ServerNoticeTables } from './server-notices.ts';
import type { SessionTables } from './sessions.ts';
import type { StateNodeTables } from './state-trie.ts';
import type { StickyEventTables } from './sticky-events.ts';
import type { ThreadSubscriptionTables } from './thread-subscriptions.ts';
import type { ToDeviceTables } from './to-device.ts';
import type { TypingTables } from './typing.ts';
import type { UiaSessionTables } from './uia-sessions.ts';
import type { UrlPreviewTables } from './url-previews.ts';
import type { UserNameTables } from './user-names.ts';
import type { UserTables } from './users.ts';

export interface StreamTable {
  readonly one: boolean;
  readonly position: number;
}

/** Every table of the database, each described where its queries are. */
export interface Tables
  extends
    AccountDataTables,
    AccountTables,
    AppserviceStreamTables,
    ClientTransactionTables,
    CrossSigningTables,
    DehydratedDeviceTables,
    DeviceKeyTables,
    DeviceTables,
    DirectoryTables,
    EventTables,
    FallbackKeyTables,
    FilterTables,
    FutureTables,
    KeyBackupTables,
    LoginTokenTables,
    MediaTables,
    MembershipTables,
    NetworkRoomTables,
    NotificationTables,
    OneTimeKeyTables,
    OpenIdTokenTables,
    PresenceTables,
    ProfileTables,
    PushProgressTables,
    PushRuleTables,
    PusherTables,
    ReadMarkTables,
    ReceiptTables,
    RegistrationNonceTables,
    RegistrationTokenTables,
    RelationTables,
    ReportTables,
    RoomTables,
    SearchTables,
    ServerNoticeTables,
    SessionTables,
    StateNodeTables,
    StickyEventTables,
    ThreadSubscriptionTables,
    ToDeviceTables,
    TypingTables,
    UiaSessionTables,
    UrlPreviewTables,
    UserNameTables,
    UserTables {
  stream: StreamTable;
}
