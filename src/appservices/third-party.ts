import { z } from 'zod';
import type { Appservice } from '../matrix/appservices.ts';
import { notFound } from '../matrix/errors.ts';
import { formatInstanceId } from '../matrix/third-party-instance.ts';
import { isJsonArray, isJsonObject, type JsonArray, type JsonObject } from '../util/json.ts';
import { callAppservice, goodAnswer, type CallDeps } from './call.ts';

export interface ThirdPartyDeps extends CallDeps {
  readonly appservices: readonly Appservice[];
}

/** What is looked for in third-party networks. */
export type ThirdPartyKind = 'location' | 'user';

const V1 = '/_matrix/app/v1/thirdparty';
const UNSTABLE = '/_matrix/app/unstable/thirdparty';

/** What a service says of a network: `instances` are added up, the rest is as the first service says. */
const protocolShape = z.looseObject({
  user_fields: z.array(z.string()),
  location_fields: z.array(z.string()),
  icon: z.string(),
  field_types: z.record(z.string(), z.unknown()),
  instances: z.array(z.looseObject({ network_id: z.string() })).default([]),
});

/**
 * All third-party networks that application services lead to, by name. Those whose services do not answer are left out.
 * https://spec.matrix.org/v1.19/client-server-api/#third-party-networks
 */
export async function listProtocols(deps: ThirdPartyDeps): Promise<JsonObject> {
  const names = [...new Set(deps.appservices.flatMap(({ protocols }) => protocols))];
  const found = await Promise.all(names.map(async (name) => [name, await findProtocol(deps, name)] as const));
  return Object.fromEntries(found.filter(([, protocol]) => protocol !== undefined));
}

/** One third-party network. Throws 404 M_NOT_FOUND. */
export async function getProtocol(deps: ThirdPartyDeps, name: string): Promise<JsonObject> {
  const protocol = await findProtocol(deps, name);
  if (protocol === undefined) throw notFound('No application service leads to this network');
  return protocol;
}

async function findProtocol(deps: ThirdPartyDeps, name: string): Promise<JsonObject | undefined> {
  const answers = await askAll(deps, `/protocol/${encodeURIComponent(name)}`, undefined, ({ protocols }) =>
    protocols.includes(name),
  );
  const parsed = answers.flatMap(({ appservice, answer }) => {
    const result = protocolShape.safeParse(answer);
    if (!isJsonObject(answer) || !result.success) return [];
    // Clients ask for the directory of a network by what the instance is called here.
    const instances = result.data.instances.map((instance) => ({
      ...instance,
      instance_id: formatInstanceId({ appserviceId: appservice.id, networkId: instance.network_id }),
    }));
    return [{ answer, instances }];
  });
  const [first] = parsed;
  return first && { ...first.answer, instances: parsed.flatMap(({ instances }) => instances) };
}

/**
 * The rooms or users of a network that fit some fields: what all services say that lead there. Throws 404 M_NOT_FOUND when
 * that is nothing.
 */
export async function searchProtocol(
  deps: ThirdPartyDeps,
  kind: ThirdPartyKind,
  protocol: string,
  fields: URLSearchParams,
): Promise<JsonArray> {
  const path = `/${kind}/${encodeURIComponent(protocol)}`;
  return collect(await askAll(deps, path, fields, ({ protocols }) => protocols.includes(protocol)));
}

/** The third-party rooms or users behind a room alias or a user id: what all services say. Throws 404 M_NOT_FOUND. */
export async function searchMatrixId(
  deps: ThirdPartyDeps,
  kind: ThirdPartyKind,
  id: URLSearchParams,
): Promise<JsonArray> {
  return collect(await askAll(deps, `/${kind}`, id, ({ protocols }) => protocols.length > 0));
}

function collect(answers: readonly Answer[]): JsonArray {
  const found = answers.flatMap(({ answer }) =>
    isJsonArray(answer) ? answer.filter((found) => isJsonObject(found)) : [],
  );
  if (found.length === 0) throw notFound('Nothing was found in third-party networks');
  return found;
}

interface Answer {
  readonly appservice: Appservice;
  /** undefined when the service knows nothing. */
  readonly answer: unknown;
}

function askAll(
  deps: ThirdPartyDeps,
  path: string,
  query: URLSearchParams | undefined,
  isAsked: (appservice: Appservice) => boolean,
): Promise<Answer[]> {
  const request = { method: 'GET', path: `${V1}${path}`, olderPath: `${UNSTABLE}${path}`, query } as const;
  const answers = deps.appservices.filter(isAsked).map(async (appservice) => ({
    appservice,
    answer: goodAnswer(await callAppservice(deps, appservice, request)),
  }));
  return Promise.all(answers);
}
