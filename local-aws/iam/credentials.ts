import { randomBytes, randomInt } from 'node:crypto';
import type { Caller } from '../core/call.ts';

/** The account of everything, the same as in LocalStack. */
export const account = '000000000000';

/** The local user, who may do everything, like an account's administrator. */
export const person: Caller = { kind: 'user', principal: `arn:aws:iam::${account}:user/local` };

/** An access key and its caller. */
export interface Credential {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Present on a role's temporary credentials; its requests must include it. */
  readonly sessionToken?: string;
  readonly caller: Caller;
}

/** Access keys that the server knows: the user's (`test`/`test`) and those given to functions. */
export class Credentials {
  readonly #byAccessKey = new Map<string, Credential>([
    ['test', { accessKeyId: 'test', secretAccessKey: 'test', caller: person }],
  ]);

  find(accessKeyId: string): Credential | undefined {
    return this.#byAccessKey.get(accessKeyId);
  }

  /** Creates temporary credentials for the role with this ARN. They are valid until revoked. */
  issue(role: string): Credential & { readonly sessionToken: string } {
    const accessKeyId = `ASIA${randomText(16)}`;
    const credential = {
      accessKeyId,
      secretAccessKey: randomBytes(30).toString('base64'),
      sessionToken: randomBytes(96).toString('base64'),
      caller: { kind: 'role', principal: role, session: accessKeyId },
    } as const;
    this.#byAccessKey.set(accessKeyId, credential);
    return credential;
  }

  revoke(accessKeyId: string): void {
    this.#byAccessKey.delete(accessKeyId);
  }
}

function randomText(length: number): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  return Array.from({ length }, () => alphabet.charAt(randomInt(alphabet.length))).join('');
}
