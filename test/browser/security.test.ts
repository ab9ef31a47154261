import { type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from 'node:http';
import { connect } from 'node:net';
import { networkInterfaces, platform } from 'node:os';
import { text } from 'node:stream/consumers';
import { ListObjectVersionsCommand } from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';
import { runningPage } from './running-page.ts';

const running = runningPage();
const evil = 'http://evil.example';
const port = () => Number(new URL(running.origin).port);

interface Asked {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string;
  /** Shows the page's token, as its cookie does. */
  readonly trusted?: boolean;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Asks as a program on this machine, or a page elsewhere, could: with any headers. */
function ask({ method = 'GET', path = '/', headers = {}, body, trusted = true }: Asked): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const cookie = trusted ? { cookie: `sluice-${port()}=${running.token}` } : {};
    const sent = request(
      { host: '127.0.0.1', port: port(), method, path, headers: { ...cookie, ...headers }, agent: false },
      async (answer) =>
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: await text(answer) }),
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

const json = { 'content-type': 'application/json' };
/** One of each kind of what the page can be asked. */
const questions: readonly Asked[] = [
  { path: '/' },
  { path: '/app.js' },
  { path: '/api/overview' },
  { path: '/api/objects' },
  { path: '/api/object?key=a' },
  { path: '/api/rejects' },
  { path: '/api/dead-letters' },
  { path: '/api/panels' },
  { path: '/api/tables' },
  { path: '/api/nothing' },
  { path: '/nothing' },
  { method: 'POST', path: '/api/states', headers: json, body: '{"keys":[]}' },
  { method: 'POST', path: '/api/query', headers: json, body: '{"sql":"select 1"}' },
  { method: 'POST', path: '/api/redrive', headers: json, body: '{}' },
  { method: 'POST', path: '/api/replay', headers: json, body: '{"keys":["a"]}' },
  { method: 'POST', path: '/api/backfill', headers: json, body: '{"prefix":"","dryRun":true}' },
  { method: 'PUT', path: '/api/upload?key=recipes/sent.json', body: '[]' },
];
const name = ({ method = 'GET', path }: Asked) => `${method} ${path}`;
const each = questions.map((question) => [name(question), question] as const);

async function stored(): Promise<number> {
  const { s3, outputs } = running.target;
  const { Versions = [] } = await s3.send(new ListObjectVersionsCommand({ Bucket: outputs.buckets.raw }));
  return Versions.length;
}

describe('who is refused', () => {
  test.each(each)('%s is refused without the token, and with a wrong one', async (_, question) => {
    const wrong: OutgoingHttpHeaders[] = [
      {},
      { cookie: `sluice-${port()}=wrong` },
      { cookie: `sluice-${port()}=${running.token}x` },
      { cookie: `sluice-1=${running.token}` },
      { authorization: 'Bearer wrong' },
      { authorization: `Basic ${running.token}` },
    ];
    for (const headers of wrong) {
      const answer = await ask({
        ...question,
        trusted: false,
        headers: { ...question.headers, ...headers },
      });
      expect([answer.status, answer.body.includes(running.token)]).toEqual([401, false]);
    }
    expect(await stored()).toBe(0);
  });

  test.each(each)('%s is refused under a name that is not the loopback’s', async (_, question) => {
    for (const host of [
      'evil.example',
      `evil.example:${port()}`,
      '127.0.0.1',
      '127.0.0.1:1',
      `127.0.0.1.evil.example:${port()}`,
    ]) {
      const answer = await ask({ ...question, headers: { ...question.headers, host } });
      expect([host, answer.status]).toEqual([host, 403]);
    }
    expect(await stored()).toBe(0);
  });

  test.each(each)('%s is refused to another page, even with the token', async (_, question) => {
    const foreign: OutgoingHttpHeaders[] = [
      { origin: evil },
      { origin: 'null' },
      { origin: `http://localhost:${port()}` },
      { origin: `https://127.0.0.1:${port()}` },
      { origin: running.endpoint },
      { 'sec-fetch-site': 'cross-site' },
      // Another port of this machine, such as the local cloud's, is another origin of the same site.
      { 'sec-fetch-site': 'same-site' },
      { 'sec-fetch-site': 'cross-site', origin: evil, 'sec-fetch-mode': 'navigate' },
    ];
    for (const headers of foreign) {
      const isNavigation = headers['sec-fetch-mode'] === 'navigate' && name(question) === 'GET /';
      const answer = await ask({ ...question, headers: { ...question.headers, ...headers } });
      // A link from elsewhere may open the page. SameSite keeps its cookie from it.
      expect([headers, answer.status]).toEqual([headers, isNavigation ? 200 : 403]);
      expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
    }
    expect(await stored()).toBe(0);
  });

  test('a form of another page can’t send the token’s cookie, nor a script read it', async () => {
    const { status, headers } = await ask({ path: `/?token=${running.token}`, trusted: false });
    expect([status, headers.location]).toEqual([303, '/']);
    const [cookie = ''] = headers['set-cookie'] ?? [];
    expect(cookie).toMatch(new RegExp(`^sluice-${port()}=`));
    expect(cookie.split('; ')).toEqual(expect.arrayContaining(['HttpOnly', 'SameSite=Strict', 'Path=/']));
  });

  test('the page answers on the loopback address alone', async () => {
    const others = Object.values(networkInterfaces())
      .flatMap((list) => list ?? [])
      .filter(({ internal, scopeid = 0 }) => !internal && scopeid === 0)
      .map(({ address }) => address);
    // On Linux all of 127.0.0.0/8 is this machine: a server on every address answers there too.
    if (platform() === 'linux') others.push('127.0.0.2');
    expect(others).not.toEqual([]);
    expect(await connects('127.0.0.1')).toBe(true);
    for (const address of others) expect([address, await connects(address)]).toEqual([address, false]);
  });
});

function connects(host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port: port(), timeout: 5_000 });
    const end = (isConnected: boolean) => {
      socket.destroy();
      resolve(isConnected);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
    socket.once('timeout', () => end(false));
  });
}

describe('what every answer says', () => {
  const circumstances: readonly (readonly [string, Partial<Asked>])[] = [
    ['with the token', {}],
    ['without it', { trusted: false }],
    ['to another page', { headers: { origin: evil } }],
    ['under another name', { headers: { host: 'evil.example' } }],
  ];
  test.each(circumstances)('%s it loads, frames and tells nothing of elsewhere', async (_, how) => {
    for (const question of questions.filter(({ method }) => method === undefined)) {
      const { headers } = await ask({ ...question, ...how });
      const policy = new Map(
        `${headers['content-security-policy']}`.split('; ').map((part): [string, string] => {
          const [directive = '', ...sources] = part.split(' ');
          return [directive, sources.join(' ')];
        }),
      );
      expect(policy.get('default-src'), name(question)).toBe("'none'");
      expect(policy.get('frame-ancestors')).toBe("'none'");
      expect(policy.get('base-uri')).toBe("'none'");
      for (const sources of policy.values()) expect(["'none'", "'self'"]).toContain(sources);
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'referrer-policy': 'no-referrer',
        'cross-origin-resource-policy': 'same-origin',
        'cross-origin-opener-policy': 'same-origin',
      });
    }
  });

  test('an answer with what the pipeline holds is kept by no cache', async () => {
    for (const path of ['/api/overview', '/api/objects', '/api/rejects']) {
      const { headers } = await ask({ path });
      expect(headers['cache-control']).toBe('no-store');
    }
  });

  test.each([true, false])(
    'the HTML has no script and no style of its own (with the token: %s)',
    async (trusted) => {
      const { headers, body } = await ask({ trusted });
      expect(headers['content-type']).toMatch(/^text\/html/);
      const scripts = [...body.matchAll(/<script[^>]*>/gi)].map(([tag]) => tag);
      expect(scripts).toEqual(trusted ? ['<script type="module" src="/app.js">'] : []);
      expect(body).not.toMatch(/<script[^>]*>[^<]|<style|\sstyle=|\son\w+=|javascript:/i);
    },
  );
});

describe('what is stored', () => {
  test('an object is served by no address of the page, whatever it is', async () => {
    const key = 'recipes/page.html';
    await running.put(key, '<script>document.title = "taken"</script>');
    const raw = running.target.outputs.buckets.raw;
    const paths = [
      `/${key}`,
      `/${raw}/${key}`,
      `/api/${key}`,
      `/api/object/${key}`,
      '/../package.json',
      '/app.js/../page.html',
    ];
    for (const path of paths) expect([path, (await ask({ path })).status]).toEqual([path, 404]);
    const query = `key=${encodeURIComponent(key)}`;
    for (const path of [`/api/object?${query}`, `/api/objects?search=page`, `/api/rejects?${query}`]) {
      const { status, headers } = await ask({ path });
      expect([path, status, headers['content-type']]).toEqual([path, 200, 'application/json']);
    }
  });

  test('nothing that the page can be asked deletes', async () => {
    const before = await stored();
    const paths = [
      '/',
      '/api/object?key=recipes/page.html',
      '/api/upload?key=recipes/page.html',
      '/api/objects',
    ];
    for (const path of paths)
      expect([path, (await ask({ method: 'DELETE', path })).status]).toEqual([path, 404]);
    expect(await stored()).toBe(before);
  });

  test('a question that makes no sense is refused, and says why', async () => {
    const senseless: readonly (readonly [Asked, number])[] = [
      [{ path: '/api/objects?offset=-1' }, 400],
      [{ path: '/api/objects?mark=anything' }, 400],
      [{ path: '/api/object' }, 400],
      [{ path: '/api/record?key=a&record=0' }, 400],
      [{ path: '/api/panels/999' }, 422],
      [{ method: 'POST', path: '/api/query', body: 'no JSON' }, 422],
      [{ method: 'POST', path: '/api/redrive', body: '{"stage":"none"}' }, 400],
      [{ method: 'POST', path: '/api/replay', body: '{}' }, 400],
      [{ method: 'POST', path: '/api/replay', body: '{"keys":["a"],"__proto__":{"x":1}}' }, 400],
      [{ method: 'PUT', path: '/api/upload?key=' }, 400],
      [{ method: 'PUT', path: `/api/upload?key=${encodeURIComponent('ü'.repeat(600))}` }, 422],
    ];
    for (const [question, expected] of senseless) {
      const { status, body } = await ask({ headers: json, ...question });
      expect([name(question), status]).toEqual([name(question), expected]);
      expect(JSON.parse(body).error.message).not.toBe('');
    }
  });
});
