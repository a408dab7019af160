import { parseUserId, type UserId } from '../matrix/identifiers.ts';
import { parseList } from './values.ts';

/** Somebody who answers for the server. https://spec.matrix.org/v1.19/client-server-api/#getwell-knownmatrixsupport */
export type SupportContact = { readonly role: string } & (
  | { readonly matrixId: UserId }
  | { readonly emailAddress: string }
);

const ROLES: Readonly<Record<string, string>> = { admin: 'm.role.admin', security: 'm.role.security' };

/** `admin=@alice:example.org, security=security@example.org`; other roles are written out, with their namespace. */
export function parseSupportContacts(text: string): readonly SupportContact[] | undefined {
  const contacts = parseList(text)?.map(parseContact) ?? [];
  const known = contacts.filter((contact) => contact !== undefined);
  return known.length === contacts.length && known.length > 0 ? known : undefined;
}

function parseContact(text: string): SupportContact | undefined {
  const [, word = '', address = ''] = /^([a-z0-9._-]+)\s*=\s*(\S+)$/.exec(text) ?? [];
  const role = ROLES[word] ?? (word.includes('.') ? word : undefined);
  if (role === undefined) return undefined;
  const matrixId = parseUserId(address);
  if (matrixId !== undefined) return { role, matrixId };
  return /^[^@]+@[^@]+$/.test(address) ? { role, emailAddress: address } : undefined;
}
