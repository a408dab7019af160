import { z } from 'zod';
import { endpoint, type Endpoint } from '../http/endpoint.ts';
import { jsonObject } from '../http/parse-input.ts';
import { parsePushActions, parsePushRule, requirePushRuleKind } from '../matrix/push-rules/parse-rule.ts';
import {
  pushRulesContent,
  renderPushRule,
  renderPushRuleset,
  renderPushRulesOf,
} from '../matrix/push-rules/push-rule.ts';
import {
  adjustPushRule,
  getPushRule,
  putPushRule,
  removePushRule,
  type PushRuleDeps,
  type PushRuleName,
} from '../push/change-rules.ts';
import { findPushRuleset } from '../storage/push-rules.ts';
import { storedText } from './request-body.ts';

type ReadDeps = Omit<PushRuleDeps, 'hub'>;

const ROOT = '/_matrix/client/v3/pushrules';
const OLD_ROOT = '/_matrix/client/r0/pushrules';
const GLOBAL = `${ROOT}/global` as const;
const OLD_GLOBAL = `${OLD_ROOT}/global`;
const RULE = '/{kind}/{ruleId}';

const getPushRules = endpoint({
  name: 'getPushRules',
  method: 'GET',
  path: `${ROOT}/`,
  alsoAt: [ROOT, OLD_ROOT, `${OLD_ROOT}/`],
  auth: 'user',
  rateLimit: 'read',
  handle: async (deps: ReadDeps, { requester }) => ({
    body: pushRulesContent(await findPushRuleset(deps, requester)),
  }),
});

const getPushRulesGlobal = endpoint({
  name: 'getPushRulesGlobal',
  method: 'GET',
  path: `${GLOBAL}/`,
  alsoAt: [GLOBAL, OLD_GLOBAL, `${OLD_GLOBAL}/`],
  auth: 'user',
  rateLimit: 'read',
  handle: async (deps: ReadDeps, { requester }) => ({
    body: renderPushRuleset(await findPushRuleset(deps, requester)),
  }),
});

/** Was in the specification once. */
const getPushRulesOfKind = endpoint({
  name: 'getPushRulesKind',
  method: 'GET',
  path: `${GLOBAL}/{kind}/`,
  alsoAt: [`${GLOBAL}/{kind}`, `${OLD_GLOBAL}/{kind}`, `${OLD_GLOBAL}/{kind}/`],
  auth: 'user',
  rateLimit: 'read',
  handle: async (deps: ReadDeps, { params, requester }) => {
    const kind = requirePushRuleKind(params.kind);
    return { body: renderPushRulesOf(await findPushRuleset(deps, requester), kind) };
  },
});

const getPushRuleEndpoint = endpoint({
  name: 'getPushRule',
  method: 'GET',
  path: `${GLOBAL}${RULE}`,
  alsoAt: [`${GLOBAL}${RULE}/`, `${OLD_GLOBAL}${RULE}`, `${OLD_GLOBAL}${RULE}/`],
  auth: 'user',
  rateLimit: 'read',
  handle: async (deps: ReadDeps, { params, requester }) => {
    const name = nameIn(params);
    return { body: renderPushRule(name.kind, await getPushRule(deps, requester, name)) };
  },
});

const setPushRule = endpoint({
  name: 'setPushRule',
  method: 'PUT',
  path: `${GLOBAL}${RULE}`,
  alsoAt: [`${OLD_GLOBAL}${RULE}`],
  auth: 'user',
  rateLimit: 'write',
  body: jsonObject,
  query: z.object({ before: storedText.optional(), after: storedText.optional() }),
  handle: async (deps: PushRuleDeps, { params, query, body, requester }) => {
    const name = nameIn(params);
    const wish = { ...parsePushRule(name.kind, body), before: query.before, after: query.after };
    await putPushRule(deps, requester, name, wish);
    return { body: {} };
  },
});

const deletePushRule = endpoint({
  name: 'deletePushRule',
  method: 'DELETE',
  path: `${GLOBAL}${RULE}`,
  alsoAt: [`${OLD_GLOBAL}${RULE}`],
  auth: 'user',
  rateLimit: 'write',
  handle: async (deps: PushRuleDeps, { params, requester }) => {
    await removePushRule(deps, requester, nameIn(params));
    return { body: {} };
  },
});

const isPushRuleEnabled = endpoint({
  name: 'isPushRuleEnabled',
  method: 'GET',
  path: `${GLOBAL}${RULE}/enabled`,
  alsoAt: [`${OLD_GLOBAL}${RULE}/enabled`],
  auth: 'user',
  rateLimit: 'read',
  handle: async (deps: ReadDeps, { params, requester }) => {
    const { enabled } = await getPushRule(deps, requester, nameIn(params));
    return { body: { enabled } };
  },
});

const setPushRuleEnabled = endpoint({
  name: 'setPushRuleEnabled',
  method: 'PUT',
  path: `${GLOBAL}${RULE}/enabled`,
  alsoAt: [`${OLD_GLOBAL}${RULE}/enabled`],
  auth: 'user',
  rateLimit: 'write',
  body: z.object({ enabled: z.boolean() }),
  handle: async (deps: PushRuleDeps, { params, body, requester }) => {
    await adjustPushRule(deps, requester, nameIn(params), { enabled: body.enabled });
    return { body: {} };
  },
});

const getPushRuleActions = endpoint({
  name: 'getPushRuleActions',
  method: 'GET',
  path: `${GLOBAL}${RULE}/actions`,
  alsoAt: [`${OLD_GLOBAL}${RULE}/actions`],
  auth: 'user',
  rateLimit: 'read',
  handle: async (deps: ReadDeps, { params, requester }) => {
    const { actions } = await getPushRule(deps, requester, nameIn(params));
    return { body: { actions } };
  },
});

const setPushRuleActions = endpoint({
  name: 'setPushRuleActions',
  method: 'PUT',
  path: `${GLOBAL}${RULE}/actions`,
  alsoAt: [`${OLD_GLOBAL}${RULE}/actions`],
  auth: 'user',
  rateLimit: 'write',
  body: jsonObject,
  handle: async (deps: PushRuleDeps, { params, body, requester }) => {
    const actions = parsePushActions(body['actions']);
    await adjustPushRule(deps, requester, nameIn(params), { actions });
    return { body: {} };
  },
});

/** https://spec.matrix.org/v1.19/client-server-api/#push-rules-api */
export const pushRuleEndpoints: readonly Endpoint<PushRuleDeps>[] = [
  getPushRules,
  getPushRulesGlobal,
  getPushRulesOfKind,
  getPushRuleEndpoint,
  setPushRule,
  deletePushRule,
  isPushRuleEnabled,
  setPushRuleEnabled,
  getPushRuleActions,
  setPushRuleActions,
];

function nameIn(params: { readonly kind: string; readonly ruleId: string }): PushRuleName {
  return { kind: requirePushRuleKind(params.kind), ruleId: params.ruleId };
}
