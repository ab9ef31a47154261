import * as z from 'zod';
import type { Authorize } from '../core/call.ts';
import { badRequest } from '../core/service-error.ts';
import { jsonService } from '../http/json.ts';
import { type Asked, type DescribedService, operationsOn } from '../http/operation.ts';
import { harmless, only } from '../http/parameters.ts';

export interface KmsServiceOptions {
  readonly keys: readonly { readonly arn: string; readonly policy: string }[];
  readonly authorize: Authorize;
}

/** KMS's API, limited to looking at the keys and their policies; nothing is encrypted here. */
export const kmsService = (service: KmsServiceOptions): DescribedService =>
  jsonService({ target: 'TrentService', version: '1.1', operations, service });

const byKey = z.object({ KeyId: z.string() });
const onKey = operationsOn(
  ({ service: { keys }, input: { KeyId } }: Asked<KmsServiceOptions, z.infer<typeof byKey>>) => {
    const found = keys.find(({ arn }) => arn === KeyId || arn.endsWith(`:key/${KeyId}`));
    if (found) return found;
    throw badRequest('NotFoundException', `Key '${KeyId}' does not exist`);
  },
  ({ target }) => target.arn,
);

const operations = {
  DescribeKey: onKey(
    'kms:DescribeKey',
    byKey.extend({ GrantTokens: harmless('There are no grants.') }),
    ({ target: { arn } }) => ({
      KeyMetadata: {
        KeyId: arn.slice(arn.lastIndexOf('/') + 1),
        Arn: arn,
        Enabled: true,
        KeyState: 'Enabled',
        KeyUsage: 'ENCRYPT_DECRYPT',
        KeySpec: 'SYMMETRIC_DEFAULT',
        KeyManager: 'CUSTOMER',
        MultiRegion: false,
      },
    }),
  ),

  GetKeyPolicy: onKey('kms:GetKeyPolicy', byKey.extend({ PolicyName: only('default') }), ({ target }) => ({
    Policy: target.policy,
    PolicyName: 'default',
  })),
};
