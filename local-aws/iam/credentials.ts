import { randomBytes, randomInt } from 'node:crypto';
import type { Caller } from '../core/call.ts';

/** The account that everything belongs to. LocalStack's users know it. */
export const account = '000000000000';

/** The person at the keyboard. May do everything, as an account's administrator may. */
export const person: Caller = { kind: 'user', principal: `arn:aws:iam::${account}:user/local` };

/** An access key and whose it is. */
export interface Credential {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Present on the temporary credentials of a role; its requests must carry it. */
  readonly sessionToken?: string;
  readonly caller: Caller;
}

/** Access keys that the wire server knows: the person's own (`test`/`test`) and those handed to functions. */
export class Credentials {
  readonly #byAccessKey = new Map<string, Credential>([
    ['test', { accessKeyId: 'test', secretAccessKey: 'test', caller: person }],
  ]);

  find(accessKeyId: string): Credential | undefined {
    return this.#byAccessKey.get(accessKeyId);
  }

  /** Makes temporary credentials that act as the role with this ARN. They hold until revoked. */
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
