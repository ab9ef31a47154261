import { Sha256 } from '@aws-crypto/sha256-js';
import { HttpRequest } from '@smithy/protocol-http';
import { SignatureV4 } from '@smithy/signature-v4';
import * as z from 'zod';
import { UserError } from '../terminal/user-error.ts';

/** A fault in the local cloud, with how often it has matched and hit. */
const fault = z.object({
  id: z.string(),
  kind: z.enum(['answer', 'close', 'kill', 'duplicate', 'delay', 'reorder']),
  operation: z.string().optional(),
  status: z.number().optional(),
  when: z.enum(['before', 'after']).optional(),
  of: z.enum(['events', 'messages']).optional(),
  copies: z.number().optional(),
  delayMs: z.number().optional(),
  function: z.string().optional(),
  resource: z.string().optional(),
  skip: z.number(),
  times: z.number().nullable(),
  share: z.number(),
  seed: z.number(),
  seen: z.number(),
  hits: z.number(),
  ended: z.boolean(),
});
export type Fault = z.infer<typeof fault>;
export type FaultRequest = Partial<Omit<Fault, 'id' | 'seen' | 'hits' | 'ended'>>;

const faults = z.object({ faults: z.array(fault) });

const counted = z.array(z.object({ pattern: z.string(), uses: z.number() }));
const permissions = z.object({
  roles: z.array(
    z.object({
      role: z.string(),
      statements: z.array(
        z.object({ policy: z.string(), statement: z.string(), actions: counted, resources: counted }),
      ),
    }),
  ),
  denials: z.array(
    z.object({
      principal: z.string(),
      action: z.string(),
      resource: z.string(),
      reason: z.string(),
      times: z.number(),
    }),
  ),
});
export type Permissions = z.infer<typeof permissions>;

/** Operations that only the local cloud has. Each rejects with a UserError when the local cloud refuses. */
export interface Control {
  addFault(request: FaultRequest): Promise<Fault>;
  faults(): Promise<Fault[]>;
  /** Removes these faults, or all, and returns what they were. */
  clearFaults(ids?: readonly string[]): Promise<Fault[]>;
  /** The permissions of each role with their uses since the local cloud started, and the denials. */
  permissions(): Promise<Permissions>;
}

const refusal = z.object({ message: z.string() });

export function control(
  endpoint: string,
  region: string,
  credentials: { readonly accessKeyId: string; readonly secretAccessKey: string },
): Control {
  const signer = new SignatureV4({ service: 'sluice', region, credentials, sha256: Sha256 });
  const { host, hostname } = new URL(endpoint);

  async function call<Schema extends z.ZodType>(
    operation: string,
    input: object,
    schema: Schema,
  ): Promise<z.infer<Schema>> {
    const body = JSON.stringify(input);
    const { method, headers } = await signer.sign(
      new HttpRequest({
        method: 'POST',
        hostname,
        path: '/',
        headers: {
          host,
          'content-type': 'application/x-amz-json-1.0',
          'x-amz-target': `Sluice.${operation}`,
        },
        body,
      }),
    );
    const response = await fetch(endpoint, { method, headers, body });
    const answer: unknown = await response.json();
    if (!response.ok) throw new UserError(refusal.parse(answer).message);
    return schema.parse(answer);
  }

  return {
    addFault: (request) => call('AddFault', request, fault),
    faults: async () => (await call('ListFaults', {}, faults)).faults,
    clearFaults: async (ids) => (await call('ClearFaults', ids === undefined ? {} : { ids }, faults)).faults,
    permissions: () => call('ListPermissions', {}, permissions),
  };
}
