import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import type { Appservice, Namespace } from '../matrix/appservices.ts';
import { makeUserId, type ServerName } from '../matrix/identifiers.ts';
import type { ConfigSources } from './sources.ts';
import { parseHttpUrl } from './values.ts';

const FILE = /\.ya?ml$/;

/**
 * The application services whose registrations lie at `paths`; a directory stands for all `.yaml` and `.yml` files in it,
 * in the order of their names. What is wrong with them goes into `complaints`, all of it: the file, the key, and what
 * would be right. https://spec.matrix.org/v1.19/application-service-api/#registration
 */
export function readAppservices(
  paths: readonly string[],
  serverName: ServerName,
  { readFile, listDirectory }: Pick<ConfigSources, 'readFile' | 'listDirectory'>,
  complaints: string[],
): readonly Appservice[] {
  const files = paths.flatMap((path) => {
    const names = listDirectory(path);
    if (names === undefined) return [path];
    return names
      .filter((name) => FILE.test(name))
      .toSorted()
      .map((name) => join(path, name));
  });
  const schema = registrationSchema(serverName);
  const read = files.flatMap((file) => {
    const parsed = readRegistration(file, readFile, schema, complaints);
    return parsed === undefined ? [] : [{ file, appservice: parsed }];
  });
  complaints.push(
    ...findRepeated(read, 'id', ({ id }) => id),
    ...findRepeated(read, 'as_token', ({ asToken }) => asToken),
    ...findRepeated(read, 'sender_localpart', ({ sender }) => sender),
  );
  return read.map(({ appservice }) => appservice);
}

function readRegistration(
  file: string,
  readFile: ConfigSources['readFile'],
  schema: ReturnType<typeof registrationSchema>,
  complaints: string[],
): Appservice | undefined {
  try {
    const result = schema.safeParse(parse(readFile(file)));
    if (result.success) return result.data;
    for (const { path, message } of result.error.issues) {
      const key = path.map(String).join('.');
      complaints.push(`${file}: ${key === '' ? '' : `${key}: `}${message.replace(/^Invalid input: /, '')}.`);
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
    complaints.push(`appservices: cannot read ${JSON.stringify(file)}: ${reason}`);
  }
  return undefined;
}

const token = z.string().min(1, 'must not be empty');

const namespaces = z
  .array(
    z.object({ regex: z.string(), exclusive: z.boolean() }).transform(({ regex, exclusive }, context) => {
      const pattern = parsePattern(regex);
      if (pattern !== undefined) return { pattern, exclusive };
      context.addIssue({ code: 'custom', message: `${JSON.stringify(regex)} is no regular expression` });
      return z.NEVER;
    }),
  )
  .nullish()
  .transform((list): readonly Namespace[] => list ?? []);

/** Registrations say what they look for from the beginning of an id on, and leave open how it ends. */
function parsePattern(regex: string): RegExp | undefined {
  try {
    return new RegExp(`^(?:${regex})`);
  } catch {
    return undefined;
  }
}

const url = z
  .string()
  .nullable()
  .transform((text, context) => {
    if (text === null || text === '') return undefined;
    const known = parseHttpUrl(text);
    if (known !== undefined) return known.replace(/\/+$/, '');
    context.addIssue({
      code: 'custom',
      message: `${JSON.stringify(text)} must be an http:// or https:// URL`,
    });
    return z.NEVER;
  });

/** Keys that are not known mean something to the service itself, and are passed over. */
function registrationSchema(serverName: ServerName) {
  const sender = z.string().transform((localpart, context) => {
    const userId = makeUserId(localpart, serverName);
    if (userId !== undefined) return userId;
    context.addIssue({ code: 'custom', message: `${JSON.stringify(localpart)} is no localpart of a user` });
    return z.NEVER;
  });
  return z
    .object({
      id: token,
      url,
      as_token: token,
      hs_token: token,
      sender_localpart: sender,
      namespaces: z.object({ users: namespaces, aliases: namespaces, rooms: namespaces }),
      rate_limited: z.boolean().nullish(),
      protocols: z.array(z.string()).nullish(),
      receive_ephemeral: z.boolean().nullish(),
      // What it was called before v1.13, which services still write.
      push_ephemeral: z.boolean().nullish(),
      'de.sorunome.msc2409.push_ephemeral': z.boolean().nullish(),
    })
    .transform((file): Appservice => ({
      id: file.id,
      url: file.url,
      asToken: file.as_token,
      hsToken: file.hs_token,
      sender: file.sender_localpart,
      namespaces: file.namespaces,
      rateLimited: file.rate_limited ?? true,
      protocols: file.protocols ?? [],
      receivesEphemeral:
        file.receive_ephemeral ?? file.push_ephemeral ?? file['de.sorunome.msc2409.push_ephemeral'] ?? false,
    }));
}

/** Requests must tell which service they are from; the values themselves may be secret and are not shown. */
function findRepeated(
  read: readonly { readonly file: string; readonly appservice: Appservice }[],
  key: string,
  valueOf: (appservice: Appservice) => string,
): string[] {
  const firstFiles = new Map<string, string>();
  return read.flatMap(({ file, appservice }) => {
    const value = valueOf(appservice);
    const first = firstFiles.get(value);
    if (first === undefined) firstFiles.set(value, file);
    return first === undefined ? [] : [`${file}: ${key}: is the same as in ${first}; each must be unique.`];
  });
}
