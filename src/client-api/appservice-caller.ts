import type { Requester } from '../http/endpoint.ts';
import type { Appservice } from '../matrix/appservices.ts';
import { forbidden } from '../matrix/errors.ts';

/** How an application service registers its users and logs them in. */
export const APPSERVICE_LOGIN = 'm.login.application_service';

/** The application service that makes a request. Throws 403 M_FORBIDDEN when none does. */
export function requireAppservice(requester: Requester | undefined): Appservice {
  if (requester?.appservice === undefined)
    throw forbidden('This takes the access token of an application service');
  return requester.appservice;
}
