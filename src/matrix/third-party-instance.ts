/** The directory of one third-party network, which an application service keeps. */
export interface ThirdPartyInstance {
  readonly appserviceId: string;
  readonly networkId: string;
}

/**
 * How clients name an instance of a network. Ids of networks may hold a bar, those of services are cut at the first one.
 * https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3thirdpartyprotocols
 */
export function formatInstanceId({ appserviceId, networkId }: ThirdPartyInstance): string {
  return `${encodeURIComponent(appserviceId)}|${networkId}`;
}

/** What {@link formatInstanceId} has written; undefined for anything else. */
export function parseInstanceId(text: string): ThirdPartyInstance | undefined {
  const [, appserviceId, networkId] = /^([^|]*)\|(.*)$/s.exec(text) ?? [];
  if (appserviceId === undefined || networkId === undefined) return undefined;
  try {
    return { appserviceId: decodeURIComponent(appserviceId), networkId };
  } catch {
    return undefined;
  }
}
