import { describe, expect, it } from 'vitest';
import { mysqlFailure, rowFault } from '../../mysql/failure.ts';

const said = (code: string, errno?: number) =>
  Object.assign(new Error('as it says'), {
    code,
    fatal: errno === undefined,
    ...(errno !== undefined && { errno, sqlState: 'HY000' }),
  });

describe('a database failure that a test server can’t have', () => {
  it.each([
    ['ER_DISK_FULL', 1021, 'no disk space left'],
    ['EE_WRITE', 3, 'no disk space left'],
    ['ER_SERVER_SHUTDOWN', 1053, 'was lost'],
    ['ER_CLIENT_INTERACTION_TIMEOUT', 4031, 'was lost'],
    ['ER_READ_ONLY_MODE', 1836, 'read-only'],
    ['ER_TOO_MANY_USER_CONNECTIONS', 1203, 'no connection left'],
    ['ER_MUST_CHANGE_PASSWORD_LOGIN', 1862, 'authentication'],
    ['ER_ACCOUNT_HAS_BEEN_LOCKED', 3118, 'authentication'],
    ['ER_SECURE_TRANSPORT_REQUIRED', 3159, 'TLS'],
  ])('%s names its kind', (code, errno, kind) => {
    const failure = mysqlFailure(said(code, errno));
    expect(failure?.message).toContain(`${code} (${errno}): as it says`);
    expect(failure?.message).toContain(kind);
    expect(rowFault(said(code, errno))).toBeUndefined();
  });

  it.each([
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'TLS'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'TLS'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'TLS'],
    ['ENOTFOUND', 'can’t be reached'],
    ['ETIMEDOUT', 'can’t be reached'],
  ])('%s names its kind, on the way there', (code, kind) => {
    expect(mysqlFailure(said(code))?.message).toContain(kind);
  });

  it('is reported even if its kind is unknown', () => {
    const failure = mysqlFailure(said('ER_OUT_OF_RESOURCES', 1041));
    expect(failure).toEqual({
      message: 'The database failed. ER_OUT_OF_RESOURCES (1041): as it says',
      passes: false,
    });
  });
});

it('an error of anything but the driver is not a database failure', () => {
  expect(mysqlFailure(new RangeError('wrong'))).toBeUndefined();
  expect(mysqlFailure(Object.assign(new Error('gone'), { code: 'ENOSPC' }))).toBeUndefined();
});
