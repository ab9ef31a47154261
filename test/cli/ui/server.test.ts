import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Target } from '../../../cli/target/target.ts';
import { UserError } from '../../../cli/terminal/user-error.ts';
import { type PageServer, startPageServer } from '../../../cli/ui/server.ts';

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

let server: PageServer;
let url: URL;
let token: string;

beforeAll(async () => {
  const outputs = {
    get dashboard(): string {
      throw new UserError('The stack has no dashboard.');
    },
  };
  server = await startPageServer({ outputs } as Target, 0);
  url = new URL(server.url);
  token = url.searchParams.get('token') ?? '';
});

afterAll(() => server.close());

/** By Node's own client, which sends whatever headers it is told. */
function ask(
  path: string,
  { method = 'GET', body = '', ...headers }: Record<string, string> = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(new URL(path, url.origin), { method, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
      );
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

const withCookie = async () => {
  const { headers } = await ask(`/?token=${token}`);
  return String(headers['set-cookie']).split(';')[0] ?? '';
};

describe('who may use the page', () => {
  test('the token in the address becomes a cookie that no script and no other site can use', async () => {
    const { status, headers } = await ask(`/?token=${token}`);
    expect([status, headers['location']]).toEqual([303, '/']);
    expect(String(headers['set-cookie'])).toMatch(/^sluice-\d+=\S+; .*HttpOnly; SameSite=Strict$/);
    expect((await ask('/', { cookie: await withCookie() })).body).toContain('/app.js');
  });

  test.each([
    ['nothing', {}],
    ['another token', { authorization: 'Bearer AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' }],
    ['another cookie', { cookie: 'sluice=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' }],
  ])('who shows %s gets neither page, script nor answer', async (_what, headers) => {
    const first = await ask('/', headers);
    expect(first.status).toBe(401);
    expect(first.body).toContain('paste its token');
    expect(first.body).not.toContain('/app.js');
    expect((await ask('/?token=wrong', headers)).status).toBe(401);
    expect((await ask('/app.js', headers)).status).toBe(401);
    const { status, body } = await ask('/api/overview', headers);
    expect([status, JSON.parse(body).error.code]).toEqual([401, 'no_token']);
  });

  test('a program may show the token in a header', async () => {
    const { status } = await ask('/app.js', { authorization: `Bearer ${token}` });
    expect(status).toBe(200);
  });

  test.each([
    ['a name that was bound to 127.0.0.1', { host: 'evil.example' }],
    ['another port', { host: '127.0.0.1:1' }],
    ['another origin', { origin: 'http://evil.example' }],
    ['another port’s origin', { origin: 'http://127.0.0.1:1' }],
    ['another site', { 'sec-fetch-site': 'cross-site' }],
    ['another page of this machine', { 'sec-fetch-site': 'same-site' }],
  ])('a request of %s is refused, whatever it knows', async (_what, headers) => {
    const all = { ...headers, cookie: await withCookie(), 'content-type': 'application/json' };
    expect((await ask('/api/overview', all)).status).toBe(403);
    for (const path of ['/api/redrive', '/api/replay', '/api/backfill'])
      expect((await ask(path, { ...all, method: 'POST', body: '{}' })).status, path).toBe(403);
    expect((await ask('/api/upload?key=recipes/a', { ...all, method: 'PUT' })).status).toBe(403);
  });

  test('a link on another page may open it, and nothing else', async () => {
    const headers = {
      'sec-fetch-site': 'cross-site',
      'sec-fetch-mode': 'navigate',
      cookie: await withCookie(),
    };
    expect((await ask('/', headers)).status).toBe(200);
    expect((await ask('/app.js', headers)).status).toBe(403);
  });
});

test('every answer forbids frames, foreign and inline scripts, and guesses of its type', async () => {
  const cookie = await withCookie();
  for (const [path, headers] of [
    ['/', {}],
    ['/', { cookie }],
    ['/app.js', { cookie }],
    ['/style.css', {}],
    ['/nothing', { cookie }],
    ['/api/nothing', { cookie }],
    ['/api/overview', { host: 'evil.example' }],
  ] as const) {
    const answer = await ask(path, headers);
    const policy = String(answer.headers['content-security-policy']);
    expect(policy, path).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
    expect(policy, path).toContain("frame-ancestors 'none'");
    expect(policy, path).not.toMatch(/unsafe|\*/);
    expect(answer.headers, path).toMatchObject({
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    });
    expect(answer.body, path).not.toMatch(/<script(?![^>]*src=)[^>]*>|style=/);
  }
});

describe('answers', () => {
  const asked = async (path: string, headers: Record<string, string> = {}) => {
    const { status, body } = await ask(path, { ...headers, cookie: await withCookie() });
    return [status, JSON.parse(body).error];
  };

  test('an error says what is wrong', async () => {
    expect(await asked('/api/nothing')).toEqual([404, expect.objectContaining({ code: 'not_found' })]);
    expect(await asked('/api/objects?limit=1000')).toEqual([
      400,
      expect.objectContaining({ code: 'bad_request' }),
    ]);
    expect(await asked('/api/panels')).toEqual([
      422,
      { code: 'refused', message: 'The stack has no dashboard.' },
    ]);
    expect(await asked('/api/redrive', { method: 'POST', body: '{' })).toEqual([
      422,
      { code: 'refused', message: 'The request has no JSON document.' },
    ]);
  });

  test.each([
    ['/api/redrive', { stage: 'nowhere' }],
    ['/api/redrive', { discard: true }],
    ['/api/replay', {}],
    ['/api/backfill', { prefix: 'recipes/' }],
    ['/api/query', { sql: '' }],
  ])('%s refuses %j, which it does not know', async (path, body) => {
    expect(await asked(path, { method: 'POST', body: JSON.stringify(body) })).toEqual([
      400,
      expect.objectContaining({ code: 'bad_request' }),
    ]);
  });
});

test('the page takes another port if its own is in use', async () => {
  const other = await startPageServer({ outputs: {} } as Target, Number(url.port));
  expect(new URL(other.url).port).not.toBe(url.port);
  await other.close();
});
