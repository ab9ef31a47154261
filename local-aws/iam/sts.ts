import { text } from 'node:stream/consumers';
import type { Caller } from '../core/call.ts';
import { ServiceError, unsupported } from '../core/service-error.ts';
import { queryError } from '../http/error-response.ts';
import { anyone } from '../http/operation.ts';
import type { Service, WireRequest } from '../http/service.ts';
import { account } from './credentials.ts';

// Without `authorize`, this service can have no operation that needs a permission.
const operations = {
  // "API reference: GetCallerIdentity": no permissions are required.
  GetCallerIdentity: { action: anyone, run: callerIdentity },
} satisfies Record<string, { action: typeof anyone; run: (request: WireRequest) => string }>;

/**
 * STS on the wire, in its form-based protocol ("Smithy: AWS query protocol"): who one is, which many scripts
 * ask first.
 */
const serve: Service = async (request) => {
  try {
    const name = new URLSearchParams(await text(request.body)).get('Action') ?? request.query.get('Action');
    const operation = Object.entries(operations).find(([each]) => each === name)?.[1];
    if (!operation) throw unsupported(`${name} of STS`);
    return { status: 200, headers: { 'content-type': 'text/xml' }, body: operation.run(request) };
  } catch (error) {
    if (error instanceof ServiceError) return queryError(error, request.requestId);
    throw error;
  }
};
export const stsService = Object.assign(serve, { operations });

function callerIdentity({ caller, requestId }: WireRequest): string {
  const { arn, userId } = identity(caller);
  return `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>${arn}</Arn><UserId>${userId}</UserId><Account>${account}</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata></GetCallerIdentityResponse>`;
}

/** "IAM User Guide: Unique identifiers": a user's is `AIDA…`, that of a role's session `AROA…:session`. */
function identity({ kind, principal, session }: Caller): { arn: string; userId: string } {
  const name = principal.slice(principal.lastIndexOf('/') + 1);
  if (kind === 'user') return { arn: principal, userId: 'AIDALOCAL' };
  return { arn: `arn:aws:sts::${account}:assumed-role/${name}/${session}`, userId: `AROALOCAL:${session}` };
}
