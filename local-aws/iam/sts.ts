import { text } from 'node:stream/consumers';
import type { Caller } from '../core/call.ts';
import { ServiceError } from '../core/service-error.ts';
import { queryError } from '../http/error-response.ts';
import type { Service, WireRequest } from '../http/service.ts';
import { account } from './credentials.ts';

/**
 * STS on the wire, in its form-based protocol ("Smithy: AWS query protocol"): who one is, which many scripts ask before
 * anything else. Nobody needs a permission for that ("API reference: GetCallerIdentity").
 */
export const stsService: Service = async (request) => {
  try {
    const action = new URLSearchParams(await text(request.body)).get('Action') ?? request.query.get('Action');
    if (action !== 'GetCallerIdentity')
      throw new ServiceError('NotImplemented', 501, `The local cloud does not serve ${action} of STS.`);
    return { status: 200, headers: { 'content-type': 'text/xml' }, body: callerIdentity(request) };
  } catch (error) {
    if (error instanceof ServiceError) return queryError(error, request.requestId);
    throw error;
  }
};

function callerIdentity({ caller, requestId }: WireRequest): string {
  const { arn, userId } = identity(caller);
  return `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>${arn}</Arn><UserId>${userId}</UserId><Account>${account}</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata></GetCallerIdentityResponse>`;
}

/** "IAM User Guide: Unique identifiers": of a user `AIDA…`, of a role's session `AROA…:session`. */
function identity({ kind, principal, session }: Caller): { arn: string; userId: string } {
  const name = principal.slice(principal.lastIndexOf('/') + 1);
  if (kind === 'user') return { arn: principal, userId: 'AIDALOCAL' };
  return { arn: `arn:aws:sts::${account}:assumed-role/${name}/${session}`, userId: `AROALOCAL:${session}` };
}
